import { InvalidArgumentError } from "../base/errors.js";
import { topK } from "../ops.js";
import { Random } from "../base/random.js";
import { floatToHalf, halfToFloat, halfValues } from "../base/half_floats.js";
import { isArrayOf } from "../base/typed_arrays.js";

export interface RetrievalPlanOptions {
  /** Number of batches of the epoch; default: the number of videos / `size`. */
  batches?: number | undefined;
  /** Videos of a batch, k; default 32. */
  size?: number | undefined;
  /** Number of nearest neighbours from which k are drawn; default 2k. k is the paper's direct k-NN ablation. */
  candidates?: number | undefined;
  /** Distance: Euclidean (as in the paper's code), or dot product. */
  metric?: "l2" | "dot" | undefined;
  seed: number;
  epoch: number;
  signal?: AbortSignal | undefined;
  onProgress?: ((done: number, batches: number) => void) | undefined;
}

/** Batches of an epoch and their coverage of the dataset. */
export interface RetrievalPlan {
  /** Numbers of the videos of each batch. */
  groups: Int32Array[];
  /** Share of the videos that are in some batch. */
  coverage: number;
  /** Number of uses of a video, over the used videos: mean and maximum. */
  meanRepeats: number;
  mostRepeats: number;
}

/**
 * Number of queries that are searched together among a block of videos: 512 x 64Ki scores take about a quarter of a
 * second.
 */
const QUERIES = 512;
const VIDEOS = 1 << 16;

/**
 * Plans the batches of an epoch by retrieval (Xu et al. 2021, algorithm 1). Each batch is made from a random query
 * video: `size` random videos of its `candidates` nearest, which include the query, searched exactly over all videos.
 * So a batch has similar videos. The plan is a function of the vectors, seed and epoch. Besides the vectors, 64Ki of
 * them are in memory.
 * @param vectors a row per video `[videos, width]`: float32, or the bits of float16
 */
export async function planRetrieval(
  vectors: Float32Array | Uint16Array,
  width: number,
  options: RetrievalPlanOptions,
): Promise<RetrievalPlan> {
  const videos = vectors.length / width;
  const { size = 32, metric = "l2", seed, epoch } = options;
  const candidates = Math.min(options.candidates ?? 2 * size, videos);
  const batches = options.batches ?? Math.floor(videos / size);
  if (!Number.isInteger(videos) || videos < size || candidates < size) {
    throw new InvalidArgumentError(
      `vectors: expected at least ${size} rows of ${width} and as many candidates, received ${videos} rows, ${candidates} candidates`,
      { argument: "vectors", expected: size, received: videos },
    );
  }
  const random = new Random(seed, epoch, 0);
  const queries = Array.from({ length: Math.ceil(batches / videos) }, () =>
    random.shuffle(Array.from({ length: videos }, (_, i) => i)),
  )
    .flat()
    .slice(0, batches);
  const nearest = await nearestVideos(new SearchedVectors(vectors, width, metric), queries, candidates, options);
  const groups = queries.map((_, q) => {
    const found = Array.from(nearest.subarray(q * candidates, (q + 1) * candidates));
    return Int32Array.from(new Random(seed, epoch, 1 + q).sample(found, size));
  });
  return { groups, ...coverage(groups, videos) };
}

/** The `k` nearest videos of each query, nearest first: `[queries, k]`. */
async function nearestVideos(
  vectors: SearchedVectors,
  queries: readonly number[],
  k: number,
  { signal, onProgress }: Pick<RetrievalPlanOptions, "signal" | "onProgress">,
): Promise<Int32Array> {
  const best = {
    values: new Float32Array(queries.length * k).fill(-Infinity),
    indices: new Int32Array(queries.length * k),
  };
  for (let base = 0; base < vectors.videos; base += VIDEOS) {
    const rows = vectors.block(base, Math.min(VIDEOS, vectors.videos - base));
    for (let first = 0; first < queries.length; first += QUERIES) {
      signal?.throwIfAborted();
      const data = vectors.queries(queries.slice(first, first + QUERIES));
      const found = await topK(data, rows, { k, base, signal });
      mergeBest(best, first * k, found.values.data, found.indices.data, k);
      const searched = base * queries.length + (first + data.shape[0]) * rows.shape[0];
      onProgress?.(Math.floor(searched / vectors.videos), queries.length);
    }
  }
  return best.indices;
}

/** Merges lists of `k` in falling order, the second of later videos, in place from `at` on. */
function mergeBest(
  best: { values: Float32Array; indices: Int32Array },
  at: number,
  values: Float32Array,
  indices: Int32Array,
  k: number,
): void {
  for (let first = 0; first < values.length; first += k) {
    const own = best.values.slice(at + first, at + first + k);
    if (values[first] <= own[k - 1]) continue;
    const ownIndices = best.indices.slice(at + first, at + first + k);
    for (let i = 0, a = 0, b = 0; i < k; i++) {
      const takesOwn = own[a] >= values[first + b]; // equal values are ordered by number
      best.values[at + first + i] = takesOwn ? own[a] : values[first + b];
      best.indices[at + first + i] = takesOwn ? ownIndices[a++] : indices[first + b++];
    }
  }
}

/**
 * Vectors in the form that is searched. For `l2` columns are appended to rows so that the dot product with (q, s, s, s)
 * is <q, x> - |x|^2 / 2, which orders by falling distance. In float16 three columns hold that number to 33 bits, scaled
 * into their range by s.
 */
class SearchedVectors {
  readonly videos: number;
  readonly #columns: number;
  readonly #norms: Float64Array | undefined;
  readonly #scale: number = 1;

  constructor(
    readonly vectors: Float32Array | Uint16Array,
    readonly width: number,
    metric: "l2" | "dot",
  ) {
    this.videos = vectors.length / width;
    const half = isArrayOf("Uint16Array", vectors);
    this.#columns = metric === "dot" ? 0 : half ? 3 : 1;
    if (metric === "dot") return;
    const value = this.#reader();
    const norms = new Float64Array(this.videos);
    let largest = 0;
    for (let v = 0; v < this.videos; v++) {
      let sum = 0;
      for (let i = v * width; i < (v + 1) * width; i++) sum += value(i) ** 2;
      norms[v] = -sum / 2;
      largest = Math.max(largest, sum / 2);
    }
    this.#norms = norms;
    if (half) this.#scale = 2 ** Math.max(0, Math.ceil(Math.log2(largest / 32768 || 1)));
  }

  #reader(): (i: number) => number {
    const { vectors } = this;
    if (isArrayOf("Float32Array", vectors)) return (i) => vectors[i];
    const table = halfValues();
    return (i) => table[vectors[i]];
  }

  /** Rows `[first, first + count)` `[count, width + columns]`. */
  block(first: number, count: number) {
    const { vectors, width } = this;
    const [from, wide] = [vectors.subarray(first * width, (first + count) * width), width + this.#columns];
    if (!this.#norms) return { shape: [count, width], data: from };
    const half = isArrayOf("Uint16Array", vectors);
    const data = half ? new Uint16Array(count * wide) : new Float32Array(count * wide);
    for (let v = 0; v < count; v++) {
      data.set(from.subarray(v * width, (v + 1) * width), v * wide);
      let rest = this.#norms[first + v] / this.#scale;
      for (let at = v * wide + width; at < (v + 1) * wide; at++) {
        data[at] = half ? floatToHalf(rest) : rest;
        if (half) rest -= halfToFloat(data[at]);
      }
    }
    return { shape: [count, wide], data };
  }

  /** Videos as queries, f32 `[count, width + columns]`. */
  queries(videos: readonly number[]) {
    const wide = this.width + this.#columns;
    const value = this.#reader();
    const data = new Float32Array(videos.length * wide).fill(this.#scale);
    videos.forEach((video, q) => {
      for (let i = 0; i < this.width; i++) data[q * wide + i] = value(video * this.width + i);
    });
    return { shape: [videos.length, wide], data };
  }
}

function coverage(groups: readonly Int32Array[], videos: number) {
  const counts = new Int32Array(videos);
  for (const group of groups) for (const video of group) counts[video]++;
  let [used, total, mostRepeats] = [0, 0, 0];
  for (const n of counts) {
    used += n > 0 ? 1 : 0;
    total += n;
    mostRepeats = Math.max(mostRepeats, n);
  }
  return { coverage: used / videos, meanRepeats: total / used, mostRepeats };
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
