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

/** File of a VideoCLIP model's folder with the weights of its video encoder. @internal */
export const VIDEO_MODEL_FILE = "video_model.safetensors";

/** A video encoder that is used, with what differs from its defaults and its weights, as far as they are known. */
export type VideoModelChoice = Partial<VideoModelConfig> & { model: VideoModelName; weights?: string | undefined };

/**
 * The network of that name, or the one that makes features for the VideoCLIP configuration of that name; with `orFolder`, also
 * the one in a folder that has no such name.
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
 * The video encoder that a model and weights come down to: where the weights are the folder of a VideoCLIP model, its own one.
 * @throws InvalidArgumentError for no such model, or one that is not the folder's; WeightsError for another folder
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
 * The video encoder of a folder that `VideoClip.save` wrote, with its weights where they are there.
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
 * How clips are made for a video encoder: as its own preset says, as another preset says, or with some fields of its own
 * preset changed.
 * @throws InvalidArgumentError for a name that there is not, an unknown field or a value out of range
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
