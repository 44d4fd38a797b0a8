import { createHash } from "node:crypto";
import type { PairBatch } from "../data/pair_batch.js";
import type { PairLoader } from "../data/pair_loader.js";
import { videoVector } from "../data/retrieval.js";
import { VideoClipError } from "../base/errors.js";
import type { VideoClip } from "../models/videoclip/videoclip.js";
import { videoClipParameters } from "../models/videoclip/videoclip_weights.js";
import { floatToHalf } from "../base/half_floats.js";
import type { VideoTextPair } from "./tasks/contrastive.js";

/** Vectors of the videos that were embedded. */
export interface VideoVectors {
  /** Numbers of the videos, ascending. */
  videos: Int32Array;
  /** Bits of float16 `[videos, width]`. */
  rows: Uint16Array;
}

/** Videos that are read and embedded together. */
const VIDEOS = 32;

/**
 * The vector of every video for retrieval (Xu et al. 2021, algorithm 1): the mean of (video + text) / 2 over its clip
 * pairs, with the current model. Videos that cannot be sampled have none.
 * @param loader draws the pairs; the same videos, epoch and options give the same vectors
 */
export async function embedVideos(
  model: VideoClip,
  loader: PairLoader,
  count: number,
  epoch: number,
  {
    signal,
    onProgress,
  }: { signal?: AbortSignal | undefined; onProgress?: ((done: number, videos: number) => void) | undefined } = {},
): Promise<VideoVectors> {
  const width = model.config.hiddenSize;
  const rows = new Uint16Array(count * width);
  const videos = new Int32Array(count);
  let found = 0;
  const groups = Array.from({ length: Math.ceil(count / VIDEOS) }, (_, g) =>
    Int32Array.from({ length: Math.min(VIDEOS, count - g * VIDEOS) }, (_video, i) => g * VIDEOS + i),
  );
  for await (const { index, batch } of loader.epoch(groups, epoch, { signal })) {
    if (batch.pairs > 0) {
      const { video, text } = await embedPairs(model, batch, signal);
      for (let first = 0, next; first < batch.pairs; first = next) {
        for (next = first; next < batch.pairs && batch.videos[next] === batch.videos[first];) next++;
        const part = (x: Float32Array) => x.subarray(first * width, next * width);
        const vector = videoVector(part(video), part(text), width);
        vector.forEach((value, i) => (rows[found * width + i] = halfOf(value, batch.videos[first])));
        videos[found++] = batch.videos[first];
      }
    }
    onProgress?.(Math.min((index + 1) * VIDEOS, count), count);
  }
  return { videos: videos.subarray(0, found), rows: rows.subarray(0, found * width) };
}

function halfOf(value: number, video: number): number {
  if (Math.abs(value) < 65520) return floatToHalf(value);
  throw new VideoClipError(
    "ERR_TRAINING_DIVERGED",
    `the embedding of video ${video} has a value of ${value}, outside float16: the model has diverged`,
  );
}

/** Pooled embeddings of the videos and texts of a batch: f32 `[pairs, hidden]` each. */
async function embedPairs(
  model: VideoClip,
  batch: PairBatch,
  signal?: AbortSignal,
): Promise<{ video: Float32Array; text: Float32Array }> {
  const pairs = pairsOf(batch, model.config.featureSize);
  const video = await model.encodeVideo(
    pairs.map((pair) => pair.video),
    { signal },
  );
  const text = await model.encodeText(
    pairs.map((pair) => pair.text),
    { signal },
  );
  return { video: video.data, text: text.data };
}

/** The rows of a batch, each with its features `[seconds, width]` and word pieces. */
export function pairsOf({ pairs, features, seconds, tokens, lengths }: PairBatch, width: number): VideoTextPair[] {
  const [size, max] = [features.length / pairs, tokens.length / pairs];
  return Array.from({ length: pairs }, (_, row) => ({
    video: {
      data: features.subarray(row * size, row * size + seconds[row] * width),
      shape: [seconds[row], width] as const,
    },
    text: Array.from(tokens.subarray(row * max, row * max + lengths[row])),
  }));
}

/** A fingerprint of a model's current parameters: their SHA-256. */
export function fingerprint(model: VideoClip): string {
  const hash = createHash("sha256");
  for (const key of videoClipParameters(model.config).keys()) hash.update(key).update(model.device.parameters.get(key));
  return hash.digest("hex");
}
