import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../../base/errors.js";
import { makeFolder, writeDurably } from "../../base/files.js";
import type { ParameterStore } from "../../runtime/parameter_store.js";
import { weightFile } from "../../weights/folder.js";
import { openWeights } from "../../weights/open_weights.js";
import { writeSafetensors } from "../../weights/safetensors.js";
import { loadInto, type ParameterSink } from "../../weights/load_into.js";
import { renameKeys, type Tensors } from "../../weights/rename.js";
import { unwrapped } from "../../weights/state_dict.js";
import { type StoredTensor, stored } from "../../weights/tensor.js";
import { parametersOf } from "../parameters.js";
import { type VideoClipConfig, videoClipConfig } from "./videoclip_config.js";
import { inferConfig } from "./videoclip_infer.js";
import { traceText, traceVideo } from "./videoclip_graph.js";

/** @internal */
export const CONFIG = "config.json";
const WEIGHTS = "model.safetensors";

/**
 * Parts of a checkpoint that embedding does not use: BERT's pooler, its buffer, the heads of fine-tuned tasks and the learned
 * temperature of a contrastive loss.
 */
const UNUSED = /(^|\.)(position_ids|pooler\.dense\.(weight|bias)|classifier\.(weight|bias)|logit_scale)$/;

/** Every parameter of a model, by key. */
export function videoClipParameters(config: VideoClipConfig): Map<string, readonly number[]> {
  return new Map([
    ...parametersOf(traceVideo(config, 1, false)),
    ...parametersOf(traceText(config, 1, Math.min(16, config.maxTextLength + 2), false)),
  ]);
}

/** Removes the wrapper's prefix from keys of fairseq's MMPT (`mmmodel.video_encoder...`). */
export const withoutWrapper = renameKeys((key) => key.replace(/^(module\.)?(mmmodel\.)?/, ""));

/** Whether these are keys of a VideoCLIP model. */
const isVideoClip = (tensors: Tensors): boolean =>
  [...tensors.keys()].some((key) => /^(video|text)_encoder\./.test(key));

/** The fields of a `config.json`. @throws WeightsError @internal */
export function readConfig(path: string): Partial<VideoClipConfig> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new WeightsError(`${path}: expected a JSON object (${(cause as Error).message})`, { file: path, cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WeightsError(`${path}: expected a JSON object`, { file: path });
  }
  const { model, ...fields } = value as Record<string, unknown>;
  if (model !== "videoclip") {
    throw new WeightsError(`${path}: expected "model": "videoclip", found ${JSON.stringify(model)}`, {
      file: path,
      expected: "videoclip",
      received: model,
    });
  }
  return fields;
}

/** An opened checkpoint: its config, and a function that loads the weights into a store. */
export interface VideoClipSource {
  config: VideoClipConfig;
  /** Path of the folder, if it is one. */
  folder?: string | undefined;
  /** First 16 hex digits of the SHA-256 of the weight file. */
  weightsHash: string;
  load(store: ParameterSink): Promise<void>;
  close(): void;
}

/**
 * Opens a folder that `save` wrote (`config.json`, `model.safetensors`, or its `.index.json` and files), or a
 * checkpoint file of fairseq's MMPT: f32 or f16, with or without the key prefix `mmmodel.`. Objects of the trainer in
 * that file are skipped, never constructed.
 * @param given fields that replace those of the file
 * @throws WeightsError for a file that is broken or is not a VideoCLIP model; from `load` with all missing, unexpected
 * and wrong-shaped keys
 */
export async function openVideoClip(
  path: string,
  given: Partial<VideoClipConfig>,
  signal?: AbortSignal,
): Promise<VideoClipSource> {
  if (!existsSync(path)) {
    throw new WeightsError(
      `${path}: there is no such file or folder: expected ${CONFIG} and ${WEIGHTS}, or a checkpoint`,
      {
        file: path,
      },
    );
  }
  const folder = statSync(path).isDirectory();
  const weights = folder ? weightFile(path) : path;
  const stored = folder ? readConfig(join(path, CONFIG)) : {};
  const file = await openWeights(weights, { skipForeign: true, signal });
  try {
    const tensors = withoutWrapper(unwrapped(file.tensors, (from) => (isVideoClip(withoutWrapper(from)) ? 1 : 0)));
    const config = folder ? videoClipConfig({ ...stored, ...given }) : inferConfig(weights, tensors, given);
    return {
      config,
      folder: folder ? path : undefined,
      weightsHash: file.sha256.slice(0, 16),
      async load(store) {
        const shapes = videoClipParameters(config);
        await loadInto(store, file, { shapes, rename: withoutWrapper, ignored: UNUSED, signal });
      },
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Writes `model.safetensors` and `config.json` into a folder, each completely or not at all. */
export function saveVideoClip(
  dir: string,
  config: VideoClipConfig,
  store: Pick<ParameterStore, "get">,
  dtype: "f32" | "f16" = "f32",
): void {
  makeFolder(dir);
  const tensors = new Map<string, StoredTensor>();
  for (const [key, shape] of videoClipParameters(config)) {
    tensors.set(
      key,
      stored(shape, () => store.get(key), dtype),
    );
  }
  writeSafetensors(join(dir, WEIGHTS), tensors, { model: "videoclip" });
  saveConfig(dir, config);
}

/** Writes `config.json` into a folder. */
export const saveConfig = (dir: string, config: VideoClipConfig): void =>
  writeDurably(join(dir, CONFIG), `${JSON.stringify({ model: "videoclip", ...config }, null, 2)}\n`);
