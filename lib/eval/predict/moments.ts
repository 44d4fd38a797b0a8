import type { DidemoQuery } from "../../data/didemo.js";
import { type Chunks, didemoSegments } from "../didemo.js";
import { iou } from "../intervals.js";
import { CLIP_SECONDS, type MomentPrediction } from "../qvhighlights_files.js";
import { checkFeatures, featuresOf, type PredictOptions } from "./options.js";
import { WindowEncoder } from "./window_encoder.js";

const CHUNK_SECONDS = 5;

/**
 * Moments of DiDeMo as MMPT ranks them, zero-shot: the mean of the tokens of a segment's seconds, by the dot product with the
 * text. Segments beyond the features come last.
 * @returns a submission: for each query its ranked `[first, last]` chunks
 */
export async function predictDidemo(queries: readonly DidemoQuery[], options: PredictOptions): Promise<Chunks[][]> {
  const { model, features, signal, onProgress } = options;
  checkFeatures(
    queries.map(({ video }) => video),
    features,
  );
  const lists: Chunks[][] = [];
  for (const { video, text, chunks } of queries) {
    const found = await model.encodeVideo(await featuresOf(video, options), {
      longVideos: "truncate",
      tokens: true,
      signal,
    });
    const tokens = found.tokens![0];
    const query = await model.encodeText(text, { signal });
    const { data: scores } = await model.similarity(tokens, query, { signal });
    const score = ([first, last]: Chunks) => meanOf(scores.subarray(CHUNK_SECONDS * first, CHUNK_SECONDS * (last + 1)));
    const ranked = didemoSegments(chunks).map((segment) => ({ segment, score: score(segment) }));
    ranked.sort((a, b) => b.score - a.score);
    lists.push(ranked.map(({ segment }) => segment));
    onProgress?.({ done: lists.length, total: queries.length });
  }
  return lists;
}

/** -Infinity where there is none. */
function meanOf(values: Float32Array): number {
  return values.length === 0 ? -Infinity : values.reduce((sum, v) => sum + v, 0) / values.length;
}

/** Lengths of windows that are proposed, in seconds; multiples of QVHighlights' clips, over its three buckets of lengths. */
const LENGTHS = [4, 6, 8, 10, 14, 20, 26, 30, 40, 60, 80, 110, 150];
const PROPOSALS = 10;
const MOST_OVERLAP = 0.7;

/**
 * Moments and highlights of QVHighlights, zero-shot. A clip's saliency is the mean dot product of its seconds' tokens with the
 * query. A window's score is by how much the saliency of its clips exceeds the video's mean, summed and divided by the square root
 * of its length (as long ones vary less); of overlapping ones (IoU above 0.7) the best is kept. This rule is ours: VideoCLIP was
 * not evaluated here.
 */
export async function predictQVHighlights(
  queries: readonly { qid: number; vid: string; query: string; duration: number }[],
  options: PredictOptions,
): Promise<(MomentPrediction & { query: string; vid: string })[]> {
  const { model, features, signal, onProgress } = options;
  checkFeatures(
    queries.map(({ vid }) => vid),
    features,
  );
  const encoder = new WindowEncoder(model);
  try {
    const lines: (MomentPrediction & { query: string; vid: string })[] = [];
    for (const { qid, vid, query, duration } of queries) {
      const tokens = await encoder.seconds(await featuresOf(vid, options), undefined, signal);
      const text = await model.encodeText(query, { signal });
      const { data: scores } = await model.similarity(tokens, text, { signal });
      const saliency = clipScores(scores, Math.floor(duration / CLIP_SECONDS));
      lines.push({ qid, query, vid, pred_relevant_windows: proposeWindows(saliency), pred_saliency_scores: saliency });
      onProgress?.({ done: lines.length, total: queries.length });
    }
    return lines;
  } finally {
    encoder.dispose();
  }
}

/** Scores of 2-s clips from those of seconds; clips beyond the features have the lowest. */
function clipScores(seconds: Float32Array, clips: number): number[] {
  const lowest = seconds.reduce((p, q) => Math.min(p, q), Infinity);
  return Array.from({ length: clips }, (_, c) => {
    const own = seconds.subarray(CLIP_SECONDS * c, CLIP_SECONDS * (c + 1));
    return own.length === 0 ? lowest : meanOf(own);
  });
}

/** The best windows `[start, end, score]` in seconds. @internal */
export function proposeWindows(saliency: readonly number[]): number[][] {
  const mean = saliency.reduce((sum, v) => sum + v, 0) / saliency.length;
  const sums = [0];
  for (const score of saliency) sums.push(sums[sums.length - 1] + score - mean);
  const all: number[][] = [];
  const lengths = new Set(LENGTHS.map((seconds) => Math.min(seconds / CLIP_SECONDS, saliency.length)));
  for (const length of lengths) {
    for (let first = 0; first + length <= saliency.length; first++) {
      const score = (sums[first + length] - sums[first]) / Math.sqrt(length);
      all.push([CLIP_SECONDS * first, CLIP_SECONDS * (first + length), score]);
    }
  }
  all.sort((a, b) => b[2] - a[2]);
  const kept: number[][] = [];
  for (const window of all) {
    if (kept.length === PROPOSALS) break;
    if (kept.every((other) => iou([other[0], other[1]], [window[0], window[1]]) <= MOST_OVERLAP)) kept.push(window);
  }
  return kept;
}
