import { InvalidArgumentError } from "../../base/errors.js";
import { readNpy } from "../../weights/read_npy.js";
import { ByteFile } from "../../weights/byte_file.js";
import { textModelOf, type VideoClipConfig } from "./videoclip_config.js";
import { isArrayOf } from "../../base/typed_arrays.js";

/** Features of a video, f32 `[T, featureSize]` row-major, at the model's rate (one per second). */
export interface VideoFeatures {
  data: Float32Array;
  shape: readonly [number, number];
}

/** Treatment of a video with more features than the model's maximum. */
export type LongVideoPolicy = "error" | "truncate" | "window";

/** Features `start .. end` of video `video`, the input of one pass of the encoder. */
export interface VideoWindow {
  video: number;
  start: number;
  end: number;
}

/** Reads features from a path (`.npy`, f16 or f32, `[T, featureSize]`). */
export function readFeatures(
  video: VideoFeatures | string,
  index: number,
  config: Pick<VideoClipConfig, "featureSize">,
): VideoFeatures {
  const name = typeof video === "string" ? video : `videos[${index}]`;
  let features: VideoFeatures;
  if (typeof video === "string") {
    const file = new ByteFile(video);
    try {
      const { data, shape } = readNpy(file);
      if (!isArrayOf("Float64Array", data)) throw file.fail("expected an array of numbers");
      features = { data: Float32Array.from(data), shape: shape as unknown as [number, number] };
    } finally {
      file.close();
    }
  } else features = video;
  const { data, shape } = features;
  const fits = shape.length === 2 && shape[1] === config.featureSize && shape[0] * shape[1] === data.length;
  if (!fits) {
    throw new InvalidArgumentError(
      `${name}: expected features [T, ${config.featureSize}], received [${shape.join(", ")}] with ${data.length} values`,
      { argument: "videos", expected: ["T", config.featureSize], received: shape },
    );
  }
  return features;
}

/** @throws InvalidArgumentError for an unknown policy */
export function checkPolicy(policy: LongVideoPolicy): void {
  if (["error", "truncate", "window"].includes(policy)) return;
  throw new InvalidArgumentError(`longVideos: expected error, truncate or window, received ${String(policy)}`, {
    argument: "longVideos",
  });
}

/**
 * The windows of videos of these lengths, in order.
 * @throws InvalidArgumentError under policy `error` for a video that is too long
 */
export function videoWindows(lengths: readonly number[], max: number, policy: LongVideoPolicy): VideoWindow[] {
  return lengths.flatMap((length, video) => {
    if (length <= max) return [{ video, start: 0, end: length }];
    if (policy === "truncate") return [{ video, start: 0, end: max }];
    if (policy === "window") {
      return Array.from({ length: Math.ceil(length / max) }, (_, i) => ({
        video,
        start: i * max,
        end: Math.min((i + 1) * max, length),
      }));
    }
    throw new InvalidArgumentError(
      `videos[${video}]: expected at most ${max} features, received ${length}: set longVideos to truncate or window`,
      { argument: "videos", expected: max, received: length },
    );
  });
}

/** Copies features to `out` at `at`, scaled to unit length if `normalize` is set. */
function copyFeatures(from: Float32Array, size: number, normalize: boolean, out: Float32Array, at: number): void {
  out.set(from, at);
  if (!normalize) return;
  for (let row = 0; row < from.length; row += size) {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += from[row + i] ** 2;
    const scale = sum > 0 ? 1 / Math.sqrt(sum) : 1;
    for (let i = 0; i < size; i++) out[at + row + i] = from[row + i] * scale;
  }
}

/** Inputs of the video program for `rows` windows, padded with empty videos. */
export function videoInputs(
  videos: readonly VideoFeatures[],
  windows: readonly VideoWindow[],
  rows: number,
  c: VideoClipConfig,
) {
  const T = c.maxVideoLength;
  const features = new Float32Array(rows * T * c.featureSize);
  const ends = new Int32Array(2 * rows);
  const mask = new Uint8Array(rows * (T + 2));
  for (let row = 0; row < rows; row++) {
    ends.set(c.textModel ? [0, 1] : [c.clsId, c.sepId], 2 * row);
    const { video, start, end } = windows[row] ?? { video: 0, start: 0, end: 0 };
    const from = videos[video].data.subarray(start * c.featureSize, end * c.featureSize);
    copyFeatures(from, c.featureSize, c.normalizeFeatures, features, row * T * c.featureSize);
    mask.fill(1, row * (T + 2), row * (T + 2) + 1 + end - start);
    mask[(row + 1) * (T + 2) - 1] = 1;
  }
  return { features, ends, mask, pool: withoutCls(mask, T + 2) };
}

/** Inputs of the text program for `rows` texts of at most S - 2 word pieces. */
export function textInputs(texts: readonly (readonly number[])[], rows: number, S: number, c: VideoClipConfig) {
  const ids = new Int32Array(rows * S).fill(c.padId);
  const mask = new Uint8Array(rows * S);
  for (let row = 0; row < rows; row++) {
    const pieces = texts[row] ?? [];
    ids.set([c.clsId, ...pieces, c.sepId], row * S);
    mask.fill(1, row * S, row * S + pieces.length + 2);
  }
  const inputs = { ids, mask, pool: withoutCls(mask, S) };
  return textModelOf(c)?.trigram ? { ...inputs, present: Float32Array.from(mask) } : inputs;
}

const withoutCls = (mask: Uint8Array, S: number): Uint8Array => mask.map((v, i) => (i % S === 0 ? 0 : v));
