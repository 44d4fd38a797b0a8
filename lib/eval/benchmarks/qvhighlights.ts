import { readVideoLists, type VideoLists } from "../../data/video_list.js";
import { type Example, middle, span } from "../example.js";
import { type Interval, iou } from "../intervals.js";
import { mean } from "../percent.js";
import { itemsWithFeatures, predictEach, type PredictOptions } from "../predict_options.js";
import { evaluateQVHighlights, type QVHighlightsMetrics } from "../qvhighlights.js";
import {
  CLIP_SECONDS,
  type MomentPrediction,
  type MomentTruth,
  readMomentPredictions,
  readMomentTruth,
} from "../qvhighlights_files.js";
import { WindowEncoder } from "../window_encoder.js";
import type { Benchmark } from "./benchmark.js";
import { writeLines } from "./submission.js";

/** Moments and highlights of QVHighlights (Lei et al. 2021). */
export const QVHIGHLIGHTS: Benchmark<QVHighlightsMetrics> = {
  description: "Moment retrieval and highlights of QVHighlights: R1, mAP, HIT@1 in percent",
  truth: "highlight_val_release.jsonl (.gz too)",
  predictions: "lines {qid, pred_relevant_windows: [[start, end, score]], pred_saliency_scores: [per 2 s]}",
  example: "--truth highlight_val_release.jsonl --predictions submission.jsonl --json",
  score: async ({ truth, predictions, ...lists }) =>
    evaluateQVHighlights(await selectQueries(truth, lists), await readMomentPredictions(predictions)),
  illustrate: async ({ truth, predictions, ...lists }) => ({
    examples: await momentExamples(truth, predictions, lists),
  }),
  predict: async ({ truth, predictions, ...lists }, options) => {
    const queries = itemsWithFeatures(await selectQueries(truth, lists), ({ vid }) => vid, options);
    writeLines(predictions, await predictQVHighlights(queries, options));
  },
};

/** The queries on the selected videos. */
async function selectQueries(truth: string, lists: VideoLists): Promise<MomentTruth[]> {
  const selected = await readVideoLists(lists);
  return (await readMomentTruth(truth)).filter(({ vid }) => selected(vid));
}

/** Lengths of proposed windows in seconds: multiples of QVHighlights' clips over its three ranges of lengths. */
const LENGTHS = [4, 6, 8, 10, 14, 20, 26, 30, 40, 60, 80, 110, 150];
const PROPOSALS = 10;
const MAX_OVERLAP = 0.7;

/**
 * Moments and highlights of QVHighlights, zero-shot. A clip's saliency is the mean dot product of its seconds' tokens
 * with the query. A window's score is the excess of its clips' saliency over the video's mean, summed and divided by
 * the square root of its length, since long windows vary less. Of overlapping windows (IoU above 0.7) the best is kept.
 * This rule is ours: VideoCLIP was not evaluated here.
 */
export async function predictQVHighlights(
  queries: readonly { qid: number; vid: string; query: string; duration: number }[],
  options: PredictOptions,
): Promise<(MomentPrediction & { query: string; vid: string })[]> {
  const { model, signal } = options;
  const encoder = new WindowEncoder(model);
  try {
    return await predictEach(
      queries,
      ({ vid }) => vid,
      options,
      async ({ qid, vid, query, duration }, features) => {
        const tokens = await encoder.seconds(features, undefined, signal);
        const sentence = await model.encodeText(query, { signal });
        const { data: scores } = await model.similarity(tokens, sentence, { signal });
        const saliency = clipScores(scores, Math.floor(duration / CLIP_SECONDS));
        return { qid, query, vid, pred_relevant_windows: proposeWindows(saliency), pred_saliency_scores: saliency };
      },
    );
  } finally {
    encoder.dispose();
  }
}

/** Scores of 2-s clips from scores of seconds; clips without features get the lowest score. */
function clipScores(seconds: Float32Array, clips: number): number[] {
  const lowest = seconds.reduce((p, q) => Math.min(p, q), Infinity);
  return Array.from({ length: clips }, (_, c) =>
    mean(seconds.subarray(CLIP_SECONDS * c, CLIP_SECONDS * (c + 1)), lowest),
  );
}

/** The best windows `[start, end, score]` in seconds. @internal */
export function proposeWindows(saliency: readonly number[]): number[][] {
  const average = mean(saliency);
  const sums = [0];
  for (const score of saliency) sums.push(sums[sums.length - 1] + score - average);
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
    if (kept.every((other) => iou([other[0], other[1]], [window[0], window[1]]) <= MAX_OVERLAP)) kept.push(window);
  }
  return kept;
}

/** Queries of QVHighlights by the overlap of the first window with the nearest true window. */
export async function momentExamples(truth: string, predictions: string, lists: VideoLists = {}): Promise<Example[]> {
  const lines = new Map((await readMomentPredictions(predictions)).map((line) => [line.qid, line]));
  return (await selectQueries(truth, lists)).flatMap(({ qid, vid, query, duration, relevant_windows: windows }) => {
    const [first] = lines.get(qid)?.pred_relevant_windows ?? [];
    if (!first) return [];
    const best: Interval = [first[0], first[1]];
    const overlap = Math.max(...windows.map((window) => iou(best, window)));
    return [
      {
        quality: overlap,
        title: query,
        lines: [`first window ${best[0]} to ${best[1]} s, IoU ${overlap.toFixed(2)}`],
        video: vid,
        time: middle(best),
        strips: [
          { name: "true", spans: windows.map(([start, end]) => span(start, end, "window", 1)) },
          { name: "predicted", spans: [span(...best, "first", 2)] },
        ],
        length: duration,
      },
    ];
  });
}
