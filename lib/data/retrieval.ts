import { InvalidArgumentError } from "../errors.js";
import { topK } from "../ops.js";
import { Random } from "../random.js";
import { floatToHalf, halfToFloat } from "../weights/tensor.js";

export interface RetrievalOptions {
  /** Batches of the epoch; default: as many as there are videos / `size`. */
  batches?: number;
  /** Videos of a batch, k; default 32. */
  size?: number;
  /** Nearest neighbours that k are drawn from; default 2k. With k itself: the paper's direct k-NN ablation. */
  candidates?: number;
  /** Nearness: Euclidean distance (as the paper's code), or dot product. */
  metric?: "l2" | "dot";
  seed: number;
  epoch: number;
  signal?: AbortSignal;
  onProgress?: (done: number, batches: number) => void;
}

/** Batches of an epoch and how they cover the dataset. */
export interface RetrievalPlan {
  /** Numbers of the videos of each batch. */
  groups: Int32Array[];
  /** Share of the videos that are in some batch. */
  coverage: number;
  /** How often a video comes up, over those that do: mean and most. */
  meanRepeats: number;
  mostRepeats: number;
}

/** How many queries are searched at a time. */
const QUERIES = 512;

/**
 * Plans the batches of an epoch by retrieval (Xu et al. 2021, algorithm 1): for random query videos, `size` random ones of the
 * `candidates` nearest videos of each, the query itself among them, searched exactly over all videos. Videos that are
 * hard to tell apart so meet in one batch. A function of the vectors, seed and epoch.
 * @param vectors a row per video `[videos, width]`: float32, or the bits of float16
 */
export async function planRetrieval(
  vectors: Float32Array | Uint16Array,
  width: number,
  options: RetrievalOptions,
): Promise<RetrievalPlan> {
  const videos = vectors.length / width;
  const { size = 32, metric = "l2", seed, epoch, signal, onProgress } = options;
  const candidates = Math.min(options.candidates ?? 2 * size, videos);
  const batches = options.batches ?? Math.floor(videos / size);
  if (!Number.isInteger(videos) || videos < size || candidates < size) {
    throw new InvalidArgumentError(
      `vectors: expected at least ${size} rows of ${width} and as many candidates, received ${videos} rows, ${candidates} candidates`,
      { argument: "vectors", expected: size, received: videos },
    );
  }
  const searched = metric === "l2" ? withNorms(vectors, width) : { rows: vectors, width, scale: 0 };
  const rows = { shape: [videos, searched.width], data: searched.rows };
  const random = new Random(seed, epoch, 0);
  const queries = Array.from({ length: Math.ceil(batches / videos) }, () =>
    random.shuffle(Array.from({ length: videos }, (_, i) => i)),
  )
    .flat()
    .slice(0, batches);
  const groups: Int32Array[] = [];
  for (let first = 0; first < batches; first += QUERIES) {
    signal?.throwIfAborted();
    const chunk = queries.slice(first, first + QUERIES);
    const data = new Float32Array(chunk.length * searched.width);
    chunk.forEach((video, q) => {
      for (let i = 0; i < width; i++) {
        const value = vectors[video * width + i];
        data[q * searched.width + i] = vectors instanceof Uint16Array ? halfToFloat(value) : value;
      }
      data.fill(searched.scale, q * searched.width + width, (q + 1) * searched.width);
    });
    const { indices } = await topK({ shape: [chunk.length, searched.width], data }, rows, { k: candidates, signal });
    chunk.forEach((_, q) => {
      const found = Array.from(indices.data.subarray(q * candidates, (q + 1) * candidates));
      groups.push(Int32Array.from(new Random(seed, epoch, 1 + first + q).sample(found, size)));
    });
    onProgress?.(groups.length, batches);
  }
  return { groups, ...coverage(groups, videos) };
}

/**
 * Rows with columns appended so that the dot product with (q, s, s, s) is <q, x> - |x|^2 / 2: in the order of falling
 * distance. In float16 three columns hold that number to 33 bits, scaled into their range.
 */
function withNorms(vectors: Float32Array | Uint16Array, width: number) {
  const half = vectors instanceof Uint16Array;
  const videos = vectors.length / width;
  const parts = half ? 3 : 1;
  const norms = new Float64Array(videos);
  for (let v = 0; v < videos; v++) {
    let sum = 0;
    for (let i = v * width; i < (v + 1) * width; i++) sum += (half ? halfToFloat(vectors[i]) : vectors[i]) ** 2;
    norms[v] = -sum / 2;
  }
  const largest = norms.reduce((most, norm) => Math.max(most, -norm), 0);
  const scale = half ? 2 ** Math.max(0, Math.ceil(Math.log2(largest / 32768 || 1))) : 1;
  const rows = half ? new Uint16Array(videos * (width + parts)) : new Float32Array(videos * (width + parts));
  for (let v = 0; v < videos; v++) {
    const at = v * (width + parts);
    rows.set(vectors.subarray(v * width, (v + 1) * width), at);
    let rest = norms[v] / scale;
    for (let part = 0; part < parts; part++) {
      rows[at + width + part] = half ? floatToHalf(rest) : rest;
      if (half) rest -= halfToFloat(rows[at + width + part]);
    }
  }
  return { rows, width: width + parts, scale };
}

function coverage(groups: readonly Int32Array[], videos: number) {
  const counts = new Int32Array(videos);
  for (const group of groups) for (const video of group) counts[video]++;
  const used = counts.filter((n) => n > 0);
  const total = used.reduce((sum, n) => sum + n, 0);
  return {
    coverage: used.length / videos,
    meanRepeats: total / used.length,
    mostRepeats: used.reduce((most, n) => Math.max(most, n), 0),
  };
}

/**
 * The vector of a video for retrieval: the mean over its clip pairs of (video + text) / 2.
 * @param video pooled video vectors `[pairs, width]`
 * @param text pooled text vectors `[pairs, width]`
 * @returns `[width]`
 */
export function videoVector(video: Float32Array, text: Float32Array, width: number): Float32Array {
  const sum = new Float64Array(width);
  for (let i = 0; i < video.length; i++) sum[i % width] += (video[i] + text[i]) / 2;
  return Float32Array.from(sum, (v) => v / (video.length / width));
}
