import { InvalidArgumentError, WeightsError } from "../errors.js";
import { type PresetOverrides, resolvePreset } from "../video/presets.js";
import type { StoredTensor } from "../weights/tensor.js";
import { resolveOutput, type VideoModelName } from "./video_models.js";

/** The frozen video encoder that makes features, with the sampling of its clips: a preset and what differs from it. */
export interface VideoModelConfig extends Pick<PresetOverrides, "fps" | "frames" | "stride" | "size"> {
  model: VideoModelName;
  output: string;
  preset: string;
}

/** What makes features of these widths, one a second, unless a config says otherwise. */
const VIDEO_MODEL_BY_WIDTH: Record<number, VideoModelConfig> = {
  512: { model: "s3dg", output: "video_embedding", preset: "videoclip" },
  1024: { model: "s3dg", output: "mixed_5c", preset: "videoclip" },
  // the sampling it was trained on, at its train crop; a clip of 2.6 s begins every second
  2048: { model: "x3d-s", output: "features", preset: "x3d-s", stride: 5, size: 160 },
};

/** Sizes and conventions of a VideoCLIP model (Xu et al. 2021, arXiv 2109.14084; fairseq `examples/MMPT`). */
export interface VideoClipConfig {
  /** Width of a video feature: 512 (S3D-G `video_embedding`), 1024 (`mixed_5c`), 2048 (X3D) or any other. */
  featureSize: number;
  /** Width of tokens and of embeddings. */
  hiddenSize: number;
  heads: number;
  /** Width of the hidden layer of the feed-forward networks. */
  intermediateSize: number;
  videoLayers: number;
  textLayers: number;
  /** One set of BERT weights for both sides (`MMFusionShare`); text then has token type 1. Needs as many layers in both. */
  shared: boolean;
  vocabularySize: number;
  maxPositions: number;
  /** Features that a video encoder takes: seconds, at one feature per second. */
  maxVideoLength: number;
  /** Word pieces of a text that count, without [CLS] and [SEP]. */
  maxTextLength: number;
  /** Ids of [PAD], [CLS] and [SEP]. */
  padId: number;
  clsId: number;
  sepId: number;
  /** Epsilon of BERT's layer normalisations; the video MLP's is 1e-5. */
  layerNormEps: number;
  /**
   * Scale every video feature to unit length first: the extractor that the released checkpoint was trained with writes such
   * features. A feature of zeros stays.
   */
  normalizeFeatures: boolean;
  /**
   * What videos given by path go through. Default by `featureSize`: S3D-G as MMPT samples it (512, 1024), X3D-S with one clip
   * a second (2048); null, and features alone are taken, for other sizes.
   */
  videoModel: VideoModelConfig | null;
}

/** The released model: BERT-base, 6 layers for video and 12 for text, 32 s of S3D-G features. */
export const VIDEOCLIP: VideoClipConfig = {
  featureSize: 512,
  hiddenSize: 768,
  heads: 12,
  intermediateSize: 3072,
  videoLayers: 6,
  textLayers: 12,
  shared: false,
  vocabularySize: 30522,
  maxPositions: 512,
  maxVideoLength: 32,
  maxTextLength: 61,
  padId: 0,
  clsId: 101,
  sepId: 102,
  layerNormEps: 1e-12,
  normalizeFeatures: true,
  videoModel: VIDEO_MODEL_BY_WIDTH[512],
};

const BOOLEANS: readonly string[] = ["shared", "normalizeFeatures"];

/** A config with the defaults of {@link VIDEOCLIP}. @throws InvalidArgumentError for unknown fields and sizes that do not fit */
export function videoClipConfig(given: Partial<VideoClipConfig> = {}): VideoClipConfig {
  const fail = (argument: string, expected: string, received: unknown) =>
    new InvalidArgumentError(`${argument}: expected ${expected}, received ${String(received)}`, {
      argument,
      expected,
      received,
    });
  for (const [name, value] of Object.entries(given)) {
    if (!(name in VIDEOCLIP)) throw fail("config", `fields among ${Object.keys(VIDEOCLIP).join(", ")}`, name);
    if (name === "videoModel") continue;
    if (BOOLEANS.includes(name)) {
      if (typeof value !== "boolean") throw fail(name, "true or false", value);
    } else if (typeof value !== "number" || !(value >= 0)) throw fail(name, "a number of at least 0", value);
    else if (name !== "layerNormEps" && !Number.isSafeInteger(value)) throw fail(name, "a whole number", value);
  }
  const c = { ...VIDEOCLIP, ...given };
  if (given.videoModel === undefined) c.videoModel = VIDEO_MODEL_BY_WIDTH[c.featureSize] ?? null;
  else if (given.videoModel !== null) checkVideoModel(given.videoModel, c.featureSize);
  if (c.heads < 1 || c.hiddenSize < 1 || c.hiddenSize % c.heads)
    throw fail("hiddenSize", `a multiple of heads (${c.heads})`, c.hiddenSize);
  if (c.featureSize < 1) throw fail("featureSize", "at least 1", c.featureSize);
  if (c.maxVideoLength < 1 || c.maxVideoLength + 2 > c.maxPositions)
    throw fail("maxVideoLength", `1 to ${c.maxPositions - 2} (maxPositions - 2)`, c.maxVideoLength);
  if (c.maxTextLength < 1 || c.maxTextLength + 2 > c.maxPositions)
    throw fail("maxTextLength", `1 to ${c.maxPositions - 2} (maxPositions - 2)`, c.maxTextLength);
  if (c.shared && c.videoLayers !== c.textLayers)
    throw fail("textLayers", `as many as videoLayers (${c.videoLayers}) when shared`, c.textLayers);
  for (const id of ["padId", "clsId", "sepId"] as const)
    if (c[id] >= c.vocabularySize) throw fail(id, `below vocabularySize (${c.vocabularySize})`, c[id]);
  return c;
}

function checkVideoModel(given: VideoModelConfig, featureSize: number): void {
  const { model, output, preset, ...sampling } = given;
  const fields = ["fps", "frames", "stride", "size"];
  const unknown = Object.keys(sampling).find((name) => !fields.includes(name));
  if (unknown) {
    throw new InvalidArgumentError(
      `videoModel: expected model, output, preset, ${fields.join(", ")}, received ${unknown}`,
      { argument: "videoModel", received: unknown },
    );
  }
  const { dim } = resolveOutput(model, output);
  resolvePreset(preset, sampling);
  if (dim === featureSize) return;
  throw new InvalidArgumentError(
    `videoModel: ${output} of ${model} has width ${dim}, the model takes features of width ${featureSize}`,
    { argument: "videoModel", expected: featureSize, received: dim },
  );
}

/** Layers of the encoder under a key prefix. */
function countLayers(tensors: ReadonlyMap<string, StoredTensor>, prefix: string): number {
  let n = 0;
  while (tensors.has(`${prefix}.encoder.layer.${n}.attention.self.query.weight`)) n++;
  return n;
}

/**
 * Sizes that a checkpoint's tensors show; `given` goes first, and what shapes do not show keeps its default (heads: width 64
 * each).
 * @throws WeightsError when the tensors are not those of a VideoCLIP model
 */
export function inferConfig(
  file: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  given: Partial<VideoClipConfig> = {},
): VideoClipConfig {
  const shared = given.shared ?? tensors.has("mm_encoder.videomlp.linear1.weight");
  const video = shared ? "mm_encoder" : "video_encoder";
  const shape = (key: string): number[] => {
    const found = tensors.get(key);
    if (!found) {
      throw new WeightsError(`${file}: this is no VideoCLIP checkpoint: ${key} is missing`, { file, key });
    }
    return found.shape;
  };
  const [hiddenSize, featureSize] = shape(`${video}.videomlp.linear1.weight`);
  const [vocabularySize] = shape(`${video}.bert.embeddings.word_embeddings.weight`);
  const [maxPositions] = shape(`${video}.bert.embeddings.position_embeddings.weight`);
  const [intermediateSize] = shape(`${video}.bert.encoder.layer.0.intermediate.dense.weight`);
  const videoLayers = countLayers(tensors, `${video}.bert`);
  return videoClipConfig({
    featureSize,
    hiddenSize,
    heads: Math.max(1, Math.floor(hiddenSize / 64)),
    intermediateSize,
    vocabularySize,
    maxPositions,
    shared,
    videoLayers,
    textLayers: shared ? videoLayers : countLayers(tensors, "text_encoder"),
    ...given,
  });
}
