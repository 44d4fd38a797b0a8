// Published encoders as layers of a `Model`.
import type { Triple } from "../../ops/index.js";
import type { Tensor } from "../../graph/tensor.js";
import { fullKey, withKeyPrefix } from "../../graph/trace.js";
import { layer, options as checked, tensor, wrong } from "../../nn/check.js";
import * as core from "../../nn/layers.js";
import { resolvePreset } from "../../video/presets.js";
import { type HuggingFaceConfig, type TextConfig, textConfig } from "../text/text_config.js";
import { textEncoder as hiddenStates } from "../text/text_heads.js";
import { resolveOutput, VIDEO_MODELS, type VideoModelName, videoOutput } from "../video/video_models.js";

/** An encoder in a net, for the code that loads its published weights. @internal */
export type EncoderLayer =
  { kind: "video"; model: VideoModelName; output: string } | { kind: "text"; config: TextConfig };

let current: Map<string, EncoderLayer> | undefined;

/** Calls a net. @returns its result, and its encoders by the key of the layer @internal */
export function withEncoders<T>(net: () => T): { result: T; encoders: Map<string, EncoderLayer> } {
  const outer = current;
  const encoders = new Map<string, EncoderLayer>();
  current = encoders;
  try {
    return { result: net(), encoders };
  } finally {
    current = outer;
  }
}

export interface VideoEncoderLayerOptions {
  model: VideoModelName;
  /** S3D: `mixed_5c` (the default), `logits`; S3D-G: `mixed_5c`, `video_embedding`; X3D: `features` (the default), `conv_5`, `logits`, `probabilities`. */
  output?: string | undefined;
}

/**
 * A published video encoder as a layer, such as X3D below a new head. Its parameters have the published keys after
 * `<key>.`.
 * @param video f32 `[N, T, H, W, 3]`, normalised as its publishers do, or u8 frames, which this layer normalises
 * @returns `[N, width of the output]`
 * @throws InvalidArgumentError for an unknown model or output; ShapeError for a clip that is too small
 */
export function videoEncoder(video: Tensor, key: string, options: VideoEncoderLayerOptions): Tensor {
  return layer("videoEncoder", key, (name) => {
    const { model, output: wanted } = checked(name, options, ["model", "output"]);
    const { output } = resolveOutput(model, wanted);
    const x = tensor(name, "video", video, { sizes: "[N, T, H, W, 3]" });
    if (x.dtype !== "f32" && x.dtype !== "u8") throw wrong(name, "video", "f32 or u8", x.dtype);
    current?.set(fullKey(key), { kind: "video", model, output });
    const spaceToDepth = x.dtype === "u8" && VIDEO_MODELS[model].spaceToDepth;
    const normalised = x.dtype === "u8" ? normalise(x, resolvePreset(VIDEO_MODELS[model].preset), spaceToDepth) : x;
    return withKeyPrefix(key, () => videoOutput(normalised, model, output, { spaceToDepth }));
  });
}

function normalise(frames: Tensor, { mean, std }: { mean: Triple; std: Triple }, spaceToDepth = false): Tensor {
  const [, , height, width] = frames.shape;
  return core.preprocess(frames, { top: 0, left: 0, height, width, mean, std, spaceToDepth });
}

export interface PreprocessOptions {
  /** Name of a preset with mean and standard deviation, such as `x3d-s`. */
  preset?: string | undefined;
  /** Mean and standard deviation of red, green and blue between 0 and 1. Default: 0 and 1. */
  mean?: Triple | undefined;
  std?: Triple | undefined;
}

/** u8 frames `[N, T, H, W, 3]` to f32: (x / 255 - mean) / std. */
export function preprocess(frames: Tensor, options?: PreprocessOptions): Tensor {
  const { preset, mean, std } = checked("preprocess", options, ["preset", "mean", "std"]);
  const x = tensor("preprocess", "frames", frames, { sizes: "[N, T, H, W, 3]", dtype: "u8" });
  const base = preset === undefined ? { mean: [0, 0, 0] as const, std: [1, 1, 1] as const } : resolvePreset(preset);
  for (const [argument, values] of Object.entries({ mean, std })) {
    if (values === undefined) continue;
    const fits = Array.isArray(values) && values.length === 3 && values.every((v) => Number.isFinite(v));
    if (!fits || (argument === "std" && values.includes(0))) {
      throw wrong("preprocess", argument, `three numbers${argument === "std" ? " other than 0" : ""}`, values);
    }
  }
  return normalise(x, { mean: mean ?? base.mean, std: std ?? base.std });
}

export interface TextEncoderLayerOptions {
  /** The fields of its Hugging Face `config.json`: `model_type` `bert` or `mobilebert`, and sizes that differ from the default. */
  config: HuggingFaceConfig;
  /** u8 `[N, S]`: no token attends to tokens whose entry is 0. */
  mask: Tensor;
  /** i32 `[N, S]`: the text (0 or 1) of a pair that a token belongs to. Default: the first. */
  types?: Tensor | undefined;
}

/**
 * BERT or MobileBERT: ids i32 `[N, S]` to the last hidden states `[N, S, hidden]`. Its parameters have the published
 * keys after `<key>.`, such as `<key>.bert.embeddings.word_embeddings.weight`.
 */
export function textEncoder(ids: Tensor, key: string, options: TextEncoderLayerOptions): Tensor {
  return layer("textEncoder", key, (name) => {
    const { config: fields, mask, types } = checked(name, options, ["config", "mask", "types"]);
    const place = { sizes: "[N, S]" } as const;
    tensor(name, "ids", ids, { ...place, dtype: "i32" });
    tensor(name, "mask", mask, place);
    if (types !== undefined) tensor(name, "types", types, { ...place, dtype: "i32" });
    if (typeof fields !== "object" || fields === null) {
      throw wrong(name, "config", 'an object, such as { model_type: "bert" }', fields);
    }
    const config = textConfig(fields);
    current?.set(fullKey(key), { kind: "text", config });
    return withKeyPrefix(key, () => hiddenStates({ ids, types: types ?? 0, mask }, config));
  });
}
