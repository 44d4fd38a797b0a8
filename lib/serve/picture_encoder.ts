import { existsSync } from "node:fs";
import { join } from "node:path";
import type { FeatureIndex } from "../features/feature_index.js";
import type { IndexTextEncoder } from "../features/index_text_encoder.js";
import { VIDEO_MODEL_FILE } from "../models/video/video_model_of.js";
import type { VideoClip } from "../models/videoclip/videoclip.js";
import { VideoFiles } from "../models/videoclip/videoclip_files.js";
import { resolvePreset } from "../video/presets.js";
import type { Preset } from "../video/types.js";
import { RequestError } from "./request_error.js";

/** Pixels of a picture, or of a frame, that is decoded. */
export const MAX_PIXELS = 40_000_000;

/** A row that a picture or a clip became. */
export interface EncodedPicture {
  /** f32 `[dim]`. */
  vector: Float32Array;
  /** Features of the video encoder that it was made of: 1 for a picture. */
  features: number;
  /** What the user should know of the result. */
  note?: string | undefined;
}

interface Parts {
  model: VideoClip;
  /** Its video encoder. */
  files: VideoFiles;
  /** Features that a row of the index is made of. */
  window: number;
  /** What the index says of its features. */
  made: Record<string, unknown>;
}

const refuse = (reason: string) => new RequestError(422, `a picture cannot be searched for: ${reason}`);

/** Encodes pictures and short clips into the space of the rows of an index, as its videos were. */
export class PictureEncoder {
  private constructor(private readonly parts: Parts) {}

  /**
   * @param text the open text encoder of the index
   * @throws RequestError 422 with the reason why pictures cannot be encoded for this index
   */
  static of(index: FeatureIndex, text: IndexTextEncoder | undefined): PictureEncoder {
    if (!text) throw refuse("the index has no model, only rows");
    const { model } = text;
    if (!model) throw refuse("the index belongs to S3D-G, and pictures need a VideoCLIP model");
    const { videoModel, maxVideoLength } = model.config;
    if (!videoModel) throw refuse("the model of the index takes features and names no video encoder");
    const weights = join(String(text.info.path), VIDEO_MODEL_FILE);
    if (!existsSync(weights))
      throw refuse(`the folder of the index's model has no video encoder (${VIDEO_MODEL_FILE})`);
    const made = (index.settings.features ?? {}) as Record<string, unknown>;
    for (const key of ["model", "output"] as const) {
      if (made[key] === undefined || made[key] === videoModel[key]) continue;
      const names = `its features have ${key} ${String(made[key])}, the video encoder of its model ${videoModel[key]}`;
      throw refuse(`the index was made with another video encoder: ${names}`);
    }
    const { model: name, output, preset, ...sampling } = videoModel;
    // the videos may have been extracted with another preset than that of the model
    const own = made.preset === undefined ? resolvePreset(preset, sampling) : (made.preset as Preset);
    // a clip that ends early stays at its last frame, so that a picture is not followed by black
    const still = resolvePreset(own, { pad: "repeat" });
    const files = new VideoFiles({ model: name, output, preset: still }, { weights, device: model.device });
    const window = Math.min(Number(index.settings.window ?? maxVideoLength) || 1, maxVideoLength);
    return new PictureEncoder({ model, files, window, made });
  }

  /**
   * The row of the begin of a clip that fits into a row of the index, or of a picture, which is shown for the time of a row.
   * @throws VideoError; RequestError 422 for weights that are not those of the features; `signal.reason`
   */
  async rowOf(path: string, signal: AbortSignal): Promise<EncodedPicture> {
    const { model, files, window, made } = this.parts;
    const note = noteOf(made.weights, (await files.encoder()).weightsHash);
    const read = await files.read(path, { max: window, longVideos: "truncate", maxPixels: MAX_PIXELS, signal });
    const [features, width] = read.shape;
    if (features === 0) throw refuse("no frame of it can be decoded");
    const rows = features === 1 ? window : features;
    const data = new Float32Array(rows * width);
    for (let i = 0; i < rows; i++) {
      const row = read.data.slice(Math.min(i, features - 1) * width).subarray(0, width);
      data.set(made.l2 === true ? unit(row) : row, i * width);
    }
    const { data: vector } = await model.encodeVideo([{ data, shape: [rows, width] }], { signal });
    return { vector, features, note };
  }

  dispose(): void {
    this.parts.files.dispose();
  }
}

/** @throws RequestError 422 where features and video encoder cannot have the same weights */
function noteOf(made: unknown, own: string): string | undefined {
  if (made === own) return undefined;
  if (made === undefined) return "the index does not say which video encoder made its features";
  if (String(made).startsWith("random:")) throw refuse("the features of the index were made with random weights");
  return "the features of the index name another weight file than the video encoder of its model has";
}

function unit(row: Float32Array): Float32Array {
  const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
  return length > 0 ? row.map((value) => value / length) : row;
}
