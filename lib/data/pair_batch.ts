import { VideoClipError } from "../base/errors.js";
import { Random } from "../base/random.js";
import type { PackedDataset } from "./packed_dataset.js";
import { type ClipPair, samplePair, type SamplerOptions } from "./sampler.js";

/** Clip pairs of a batch: row i of the videos belongs to row i of the texts. */
export interface PairBatch {
  pairs: number;
  /** Features f32 `[pairs, maxSeconds, width]`, padded with zeros. */
  features: Float32Array;
  /** Seconds of each video clip. */
  seconds: Int32Array;
  /** Token ids `[pairs, maxTokens]` without special tokens, padded with zeros. */
  tokens: Int32Array;
  /** Tokens of each text clip. */
  lengths: Int32Array;
  /** Number of the video of each pair. */
  videos: Int32Array;
}

export interface PairBatchOptions extends SamplerOptions {
  seed: number;
  /** Pairs drawn from each video; default 16. */
  pairsPerVideo?: number | undefined;
}

/** Random numbers for a video in an epoch, which depend on seed, epoch and video alone. */
function videoRandom(seed: number, epoch: number, video: number): Random {
  return new Random(seed, epoch, video);
}

/**
 * The pairs of some videos: `pairsPerVideo` independent draws of each. An unusable video (features that are not finite,
 * no caption within them) is counted in the skips of the dataset and left out.
 */
export function makePairBatch(
  dataset: PackedDataset,
  videos: ArrayLike<number>,
  epoch: number,
  options: PairBatchOptions,
): PairBatch {
  const { seed, pairsPerVideo = 16, textTokens = [8, 61], videoSeconds = [3, 32], alignment } = options;
  // exactly aligned clips are as long as their text: cut to the model's length
  const maxSeconds = videoSeconds[1];
  const found: { video: number; pair: ClipPair; features: Float32Array }[] = [];
  for (const video of Array.from(videos)) {
    try {
      const captions = dataset.captions(video);
      const random = videoRandom(seed, epoch, video);
      const drawn = Array.from({ length: pairsPerVideo }, () => {
        const pair = samplePair(captions, dataset.rows(video), random, options);
        const [start, end] = pair.video;
        const last = alignment && alignment !== "overlapped" ? Math.min(end, start + maxSeconds) : end;
        return { video, pair, features: dataset.features(video, start, last) };
      });
      found.push(...drawn);
    } catch (error) {
      if (!(error instanceof VideoClipError)) throw error;
      dataset.skips.add("a video that cannot be sampled", error.message);
    }
  }
  const { width } = dataset;
  const batch: PairBatch = {
    pairs: found.length,
    features: new Float32Array(found.length * maxSeconds * width),
    seconds: new Int32Array(found.length),
    tokens: new Int32Array(found.length * textTokens[1]),
    lengths: new Int32Array(found.length),
    videos: Int32Array.from(found, ({ video }) => video),
  };
  found.forEach(({ pair, features }, row) => {
    batch.features.set(features, row * maxSeconds * width);
    batch.seconds[row] = features.length / width;
    batch.tokens.set(pair.ids, row * textTokens[1]);
    batch.lengths[row] = pair.ids.length;
  });
  return batch;
}

/** Index of the shuffle among the draws of an epoch, whose other indices are numbers of videos. */
const ORDER_INDEX = 0xffffffff;

/** Groups of `size` videos in random order, without an incomplete last one: a function of seed and epoch. */
export function shuffledGroups(videos: number, size: number, seed: number, epoch: number): Int32Array[] {
  const order = new Random(seed, epoch, ORDER_INDEX).shuffle(Array.from({ length: videos }, (_, i) => i));
  return Array.from({ length: Math.floor(videos / size) }, (_, g) =>
    Int32Array.from(order.slice(g * size, (g + 1) * size)),
  );
}
