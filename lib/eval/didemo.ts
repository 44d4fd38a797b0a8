import { mean } from "./percent.js";

/** First and last 5-second chunk of a moment, both inclusive. */
export type Chunks = readonly [number, number];

/** Seconds of a chunk. */
export const CHUNK_SECONDS = 5;

/**
 * The 21 moments of a video of six chunks: the single chunks, then the longer moments by their first and last chunks.
 */
export function didemoSegments(chunks = 6): Chunks[] {
  const segments: Chunks[] = Array.from({ length: chunks }, (_, i) => [i, i] as const);
  for (let first = 0; first < chunks; first++) {
    for (let last = first + 1; last < chunks; last++) segments.push([first, last]);
  }
  return segments;
}

/**
 * Ranks moments as fairseq's MMPT does: by the mean of the scores of the seconds of a moment, including the padding of
 * a short video. All 21 moments of six chunks are ranked, whatever number of chunks the annotation has; those that
 * begin after the video are left out.
 * @param scores one for every position of the model, such as 32 @param seconds length of the video
 * @returns moments, best first; equal ones in the order of {@link didemoSegments}
 */
export function rankSegments(scores: ArrayLike<number>, seconds: number): Chunks[] {
  const score = ([first, last]: Chunks) =>
    mean(Array.from(scores).slice(CHUNK_SECONDS * first, CHUNK_SECONDS * (last + 1)));
  const inside = didemoSegments().filter(([first]) => CHUNK_SECONDS * first < seconds);
  const ranked = inside.map((segment) => ({ segment, score: score(segment) }));
  return ranked.sort((a, b) => b.score - a.score).map(({ segment }) => segment);
}

/** One description: four annotators' moments, and the predicted ones, best first. */
export interface MomentRanking {
  times: readonly Chunks[];
  predicted: readonly Chunks[];
}

/** Shares from 0 to 1. */
export interface DidemoMetrics {
  queries: number;
  "rank@1": number;
  "rank@5": number;
  mIoU: number;
}

/**
 * Metrics of DiDeMo, as in its evaluator (Hendricks et al. 2017, LocalizingMoments). A query is correct at k when the
 * mean of the three best ranks of the annotators' moments is at most k; mIoU is the mean of the three largest
 * intersections over union of the first prediction. An annotated moment that is not predicted has no rank; a query
 * without a predicted annotated moment is a miss.
 */
export function didemoMetrics(queries: readonly MomentRanking[]): DidemoMetrics {
  const ranks = queries.map(({ times, predicted }) => {
    const places = times.map((time) => predicted.findIndex((p) => p[0] === time[0] && p[1] === time[1]) + 1);
    const found = places.filter((place) => place > 0).sort((a, b) => a - b);
    return found.length > 0 ? mean(found.slice(0, 3)) : Infinity;
  });
  const overlaps = queries.map(({ times, predicted: [first] }) => {
    const values = times.map((time) => chunkIou(first, time)).sort((a, b) => b - a);
    return mean(values.slice(0, 3));
  });
  const within = (k: number) => ranks.filter((rank) => rank <= k).length / queries.length;
  return { queries: queries.length, "rank@1": within(1), "rank@5": within(5), mIoU: mean(overlaps) };
}

/** Shared chunks over those from the first start to the last end. */
function chunkIou(a: Chunks, b: Chunks): number {
  const shared = Math.max(0, Math.min(a[1], b[1]) + 1 - Math.max(a[0], b[0]));
  return shared / (Math.max(a[1], b[1]) + 1 - Math.min(a[0], b[0]));
}
