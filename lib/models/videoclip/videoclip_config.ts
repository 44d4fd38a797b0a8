import { InvalidArgumentError } from "../../base/errors.js";
import { type PresetOverrides, resolvePreset } from "../../video/presets.js";
import { type HuggingFaceConfig, type TextConfig, textConfig } from "../text/text_config.js";
import { resolveOutput, type VideoModelName } from "../video/video_models.js";

/** The frozen video encoder that makes features, with a preset and changes of it. */
export interface VideoModelConfig extends Pick<PresetOverrides, "fps" | "frames" | "stride" | "size"> {
  model: VideoModelName;
  output: string;
  preset: string;
}

/** The video encoder for features of these widths, one per second, unless a config has another. */
const VIDEO_MODEL_BY_WIDTH: Record<number, VideoModelConfig> = {
  512: { model: "s3dg", output: "video_embedding", preset: "videoclip" },
  1024: { model: "s3dg", output: "mixed_5c", preset: "videoclip" },
  2048: { model: "x3d-s", output: "features", preset: "videoclip-light" },
};

/** Sizes and conventions of a VideoCLIP model (Xu et al. 2021, arXiv 2109.14084; fairseq `examples/MMPT`). */
export interface VideoClipConfig {
  /** Width of a video feature: 512 (S3D-G `video_embedding`), 1024 (`mixed_5c`), 2048 (X3D) or any other. */
  featureSize: number;
  /** Width of tokens and of embeddings; that of `textModel` if it is the text tower. */
  hiddenSize: number;
  heads: number;
  /** Width of the hidden layer of the feed-forward networks. */
  intermediateSize: number;
  videoLayers: number;
  /** Layers of the text tower's transformer; those of `textModel` if it is the text tower. */
  textLayers: number;
  /**
   * One set of BERT weights for both towers (`MMFusionShare`), with the same number of layers. [CLS] of a text has
   * position 0 and token type 0. The following tokens have type 1 and positions from `maxVideoLength + 2` on, so
   * `maxPositions` is at least `maxVideoLength + maxTextLength + 3`.
   */
  shared: boolean;
  vocabularySize: number;
  maxPositions: number;
  /** Maximum features of a video: seconds, at one feature per second. */
  maxVideoLength: number;
  /** Maximum word pieces of a text, without [CLS] and [SEP]. */
  maxTextLength: number;
  /** Ids of [PAD], [CLS] and [SEP]. */
  padId: number;
  clsId: number;
  sepId: number;
  /** Epsilon of BERT's layer normalisations; the video MLP's is 1e-5. */
  layerNormEps: number;
  /**
   * Scale every video feature to unit length, as the extractor of the released checkpoint's training did. A feature of
   * zeros stays. Features that were scaled before rounding to float16 are scaled again, which changes similarities by
   * about 1e-6; MMPT uses them unchanged.
   */
  normalizeFeatures: boolean;
  /**
   * A separate text encoder, as the fields of its Hugging Face `config.json` (`model_type` bert or mobilebert). It is
   * the text tower, and all of it is trained. null: BERT with the sizes above, as released.
   */
  textModel: HuggingFaceConfig | null;
  /**
   * `textModel` is frozen. Its tokens are the input of a trained transformer of `textLayers` layers with the sizes
   * above, as the frozen video encoder's features are for videos.
   */
  frozenText: boolean;
  /**
   * The encoder of videos given by path. Default by `featureSize`: S3D-G as MMPT samples it (512, 1024), X3D-S with one
   * clip per second (2048); null for other sizes, for which only features are accepted.
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
  textModel: null,
  frozenText: false,
  videoModel: VIDEO_MODEL_BY_WIDTH[512],
};

/**
 * X3D-S features and MobileBERT: 65 G multiply-adds for a video of 32 s and a text, including the video encoder; the
 * released model has 1134 G.
 */
export const VIDEOCLIP_LIGHT: VideoClipConfig = {
  ...VIDEOCLIP,
  featureSize: 2048,
  hiddenSize: 512,
  heads: 8,
  intermediateSize: 2048,
  videoLayers: 4,
  textLayers: 24,
  textModel: { model_type: "mobilebert", classifier_activation: false },
  videoModel: VIDEO_MODEL_BY_WIDTH[2048],
};

/** Configurations by name. */
export const VIDEOCLIP_PRESETS = { videoclip: VIDEOCLIP, "videoclip-light": VIDEOCLIP_LIGHT } as const;
export type VideoClipPreset = keyof typeof VIDEOCLIP_PRESETS;

/** The configuration with this name. @throws InvalidArgumentError for another name */
export function videoClipPreset(name: VideoClipPreset): VideoClipConfig {
  if (Object.hasOwn(VIDEOCLIP_PRESETS, name)) return VIDEOCLIP_PRESETS[name];
  throw new InvalidArgumentError(
    `preset: expected ${Object.keys(VIDEOCLIP_PRESETS).join(" or ")}, received ${String(name)}`,
    { argument: "preset", received: name },
  );
}

/** The separate text encoder, or null. */
export const textModelOf = (c: Pick<VideoClipConfig, "textModel">): TextConfig | null =>
  c.textModel && textConfig(c.textModel);

const BOOLEANS: readonly string[] = ["shared", "normalizeFeatures", "frozenText"];
const OBJECTS: readonly string[] = ["videoModel", "textModel"];

/**
 * A config with the fields of `base` as defaults.
 * @throws InvalidArgumentError for unknown fields and sizes that do not fit
 */
export function videoClipConfig(fields: Partial<VideoClipConfig> = {}, base = VIDEOCLIP): VideoClipConfig {
  const given: Partial<VideoClipConfig> = Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  );
  const fail = (argument: string, expected: string, received: unknown) =>
    new InvalidArgumentError(`${argument}: expected ${expected}, received ${String(received)}`, {
      argument,
      expected,
      received,
    });
  for (const [name, value] of Object.entries(given)) {
    if (!(name in VIDEOCLIP)) throw fail("config", `fields among ${Object.keys(VIDEOCLIP).join(", ")}`, name);
    if (OBJECTS.includes(name)) {
      if (typeof value !== "object" || Array.isArray(value)) throw fail(name, "an object or null", value);
      continue;
    }
    if (BOOLEANS.includes(name)) {
      if (typeof value !== "boolean") throw fail(name, "true or false", value);
    } else if (typeof value !== "number" || !(value >= 0)) throw fail(name, "a number of at least 0", value);
    else if (name !== "layerNormEps" && !Number.isSafeInteger(value)) throw fail(name, "a whole number", value);
  }
  const c = { ...base, ...given };
  if (given.videoModel === undefined) c.videoModel = VIDEO_MODEL_BY_WIDTH[c.featureSize] ?? null;
  else if (given.videoModel !== null) checkVideoModel(given.videoModel, c.featureSize);
  const model = textModelOf(c);
  if (c.frozenText && !model) throw fail("textModel", "a text encoder with frozenText", null);
  if (c.shared && model) throw fail("textModel", "null when shared", model.family);
  if (model) {
    const own = { vocabularySize: model.vocabulary, hiddenSize: model.hidden, textLayers: model.layers };
    for (const [name, value] of Object.entries(own) as [keyof typeof own, number][]) {
      if (c.frozenText && name !== "vocabularySize") continue;
      if (given[name] !== undefined && given[name] !== value)
        throw fail(name, `${value}, as textModel has`, given[name]);
      c[name] = value;
    }
    if (c.maxTextLength + 2 > model.maxPositions)
      throw fail("maxTextLength", `1 to ${model.maxPositions - 2} (textModel's positions - 2)`, c.maxTextLength);
  }
  if (c.heads < 1 || c.hiddenSize < 1 || c.hiddenSize % c.heads)
    throw fail("hiddenSize", `a multiple of heads (${c.heads})`, c.hiddenSize);
  if (c.featureSize < 1) throw fail("featureSize", "at least 1", c.featureSize);
  if (c.maxVideoLength < 1 || c.maxVideoLength + 2 > c.maxPositions)
    throw fail("maxVideoLength", `1 to ${c.maxPositions - 2} (maxPositions - 2)`, c.maxVideoLength);
  if (c.maxTextLength < 1 || c.maxTextLength + 2 > c.maxPositions)
    throw fail("maxTextLength", `1 to ${c.maxPositions - 2} (maxPositions - 2)`, c.maxTextLength);
  const places = c.maxVideoLength + c.maxTextLength + 3;
  if (c.shared && places > c.maxPositions)
    throw fail("maxPositions", `at least ${places} (maxVideoLength + maxTextLength + 3) when shared`, c.maxPositions);
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
