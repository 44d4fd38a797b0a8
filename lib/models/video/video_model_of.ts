import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError, WeightsError } from "../../base/errors.js";
import { type PresetOverrides, resolvePreset } from "../../video/presets.js";
import type { Preset } from "../../video/types.js";
import { VIDEO_MODEL_NAMES, VIDEO_MODELS, type VideoModelName } from "./video_models.js";
import {
  videoClipConfig,
  VIDEOCLIP_PRESETS,
  type VideoClipPreset,
  type VideoModelConfig,
} from "../videoclip/videoclip_config.js";
import { CONFIG, readConfig } from "../videoclip/videoclip_weights.js";

/** Name of the file with the video encoder's weights in a VideoCLIP model's folder. @internal */
export const VIDEO_MODEL_FILE = "video_model.safetensors";

/** The choice of a video encoder: changes of its defaults and its weights, as far as they are known. */
export type VideoModelChoice = Partial<VideoModelConfig> & { model: VideoModelName; weights?: string | undefined };

/**
 * The network with this name, or the one that makes features for the VideoCLIP configuration with this name; with
 * `orFolder`, also the one in a folder.
 * @throws InvalidArgumentError for another name; WeightsError for another folder
 */
export function videoModelNamed(name: string | undefined, { orFolder = false } = {}): VideoModelChoice {
  if (Object.hasOwn(VIDEO_MODELS, String(name))) return { model: name as VideoModelName };
  if (Object.hasOwn(VIDEOCLIP_PRESETS, String(name))) return VIDEOCLIP_PRESETS[name as VideoClipPreset].videoModel!;
  if (orFolder && name !== undefined && existsSync(name)) return videoModelOfFolder(name);
  const names = [...VIDEO_MODEL_NAMES, ...Object.keys(VIDEOCLIP_PRESETS)].join(", ");
  throw new InvalidArgumentError(`model: expected one of ${names}, received ${String(name)}`, {
    argument: "model",
    expected: names,
    received: name,
  });
}

/**
 * The video encoder for a model name and weights. For the folder of a VideoCLIP model, it is the folder's encoder.
 * @throws InvalidArgumentError for an unknown model, or one that is not the folder's; WeightsError for another folder
 */
export function videoModelOf({
  model,
  weights,
}: {
  model?: string | undefined;
  weights?: string | undefined;
}): VideoModelChoice {
  if (weights === undefined || !isFolder(weights)) return { ...videoModelNamed(model), ...(weights && { weights }) };
  const own = videoModelOfFolder(weights);
  if (model !== undefined && videoModelNamed(model).model !== own.model) {
    throw new InvalidArgumentError(`model: expected ${own.model}, which ${weights} has, or none, received ${model}`, {
      argument: "model",
      expected: own.model,
      received: model,
    });
  }
  return own;
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/**
 * The video encoder of a folder that `VideoClip.save` wrote, with its weights if the folder has them.
 * @throws WeightsError for another folder, or a model that takes features alone
 */
export function videoModelOfFolder(dir: string): VideoModelConfig & { weights?: string } {
  const path = join(dir, CONFIG);
  const { videoModel } = videoClipConfig(readConfig(path));
  if (!videoModel)
    throw new WeightsError(`${path}: this model takes features: it names no video encoder`, { file: path });
  const weights = join(dir, VIDEO_MODEL_FILE);
  return { ...videoModel, ...(existsSync(weights) ? { weights } : {}) };
}

const OVERRIDES: readonly string[] = Object.keys({
  fps: true,
  frames: true,
  stride: true,
  size: true,
  timeRule: true,
  pad: true,
  hdr: true,
} satisfies Record<keyof PresetOverrides, true>);

/**
 * The preset of a video encoder: its default, another preset, or its default with some fields changed.
 * @throws InvalidArgumentError for an unknown name or field, or a value out of range
 */
export function presetOf(
  { model, preset, fps, frames, stride, size }: VideoModelChoice,
  given: string | Preset | PresetOverrides = {},
): Preset {
  if (typeof given === "string") return resolvePreset(given);
  if ("crop" in given) return resolvePreset(given);
  const unknown = Object.keys(given).find((name) => !OVERRIDES.includes(name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(
      `preset: expected the name of a preset, a whole preset, or some of ${OVERRIDES.join(", ")}, received ${unknown}`,
      { argument: "preset", expected: OVERRIDES, received: unknown },
    );
  }
  const changed = Object.entries(given).filter(([, value]) => value !== undefined);
  const own = preset ?? VIDEO_MODELS[model].preset;
  return resolvePreset(own, { fps, frames, stride, size, ...Object.fromEntries(changed) });
}
