import { InvalidArgumentError } from "../base/errors.js";
import { detectionAveragePrecision, rankingAveragePrecision } from "./average_precision.js";
import { type Interval, iou, iouOfSpan } from "./intervals.js";
import { mean, percent } from "./percent.js";
import { CLIP_SECONDS, type MomentPrediction, type MomentTruth } from "./qvhighlights_files.js";

/** Thresholds of the intersection over union, 0.5 to 0.95. */
const THRESHOLDS = Array.from({ length: 10 }, (_, i) => (50 + 5 * i) / 100);
/** Seconds of a ground-truth window: above the first number, at most the second. */
const LENGTHS: Record<string, readonly [number, number]> = {
  short: [0, 10],
  middle: [10, 30],
  long: [30, 150],
  full: [-Infinity, Infinity],
};
/** Minimum score of a highlight. */
const LEVELS: Record<string, number> = { Fair: 2, Good: 3, VeryGood: 4 };
/** Average precision uses the first windows only. */
const MAX_WINDOWS = 10;

export interface MomentRetrievalMetrics {
  "MR-mAP": Record<string, number>;
  "MR-R1": Record<string, number>;
}

export interface HighlightMetrics {
  "HL-mAP": number;
  "HL-Hit1": number;
}

/** Metrics in percent with two decimals, under the names of the benchmark; papers report `brief`. */
export type QVHighlightsMetrics = { brief: Record<string, number> } & Record<
  string,
  MomentRetrievalMetrics | HighlightMetrics | Record<string, number>
>;

interface Pair {
  truth: MomentTruth;
  prediction: MomentPrediction;
}

/**
 * Metrics of QVHighlights (Lei et al. 2021, arXiv 2107.09609; github.com/jayleicn/moment_detr, standalone_eval): recall
 * at 1 and mean average precision of moments by length, mAP and HIT@1 of highlights. There are no metrics for parts
 * that the submission or the ground truth lacks; a warning reports missing truth.
 * @throws InvalidArgumentError when the two do not have the same queries
 */
export function evaluateQVHighlights(truth: MomentTruth[], predictions: MomentPrediction[]): QVHighlightsMetrics {
  const pairs = pair(truth, predictions);
  const metrics: QVHighlightsMetrics = { brief: {} };
  const late = truth.filter(({ duration, relevant_windows: windows }) =>
    windows.some(([, end]) => end > duration + CLIP_SECONDS),
  );
  if (late.length > 0) {
    process.emitWarning(`${late.length} queries have windows that end after their video (first: qid ${late[0].qid})`);
  }
  if (predictions[0].pred_saliency_scores && !truth[0].saliency_scores) {
    process.emitWarning("the ground truth has no saliency: highlights are left out");
  } else if (predictions[0].pred_saliency_scores) {
    for (const [name, level] of Object.entries(LEVELS)) metrics[`HL-min-${name}`] = highlights(pairs, level);
  }
  if (predictions[0].pred_relevant_windows) {
    for (const [name, range] of Object.entries(LENGTHS)) metrics[name] = moments(withLengths(pairs, range));
  }
  metrics.brief = brief(metrics);
  return metrics;
}

function pair(truth: MomentTruth[], predictions: MomentPrediction[]): Pair[] {
  const byQuery = new Map(predictions.map((prediction) => [prediction.qid, prediction]));
  const pairs = truth.map((row) => ({ truth: row, prediction: byQuery.get(row.qid)! }));
  const missing = pairs.filter((p) => !p.prediction).map((p) => p.truth.qid);
  const known = new Set(truth.map((row) => row.qid));
  const extra = predictions.filter((p) => !known.has(p.qid)).map((p) => p.qid);
  if (missing.length > 0 || extra.length > 0) {
    const list = (qids: number[]) => `${qids.length}${qids.length > 0 ? ` (${qids.slice(0, 3).join(", ")} ...)` : ""}`;
    throw new InvalidArgumentError(
      `predictions: expected one line for each of the ${truth.length} queries, received ${predictions.length}; ` +
        `missing qids: ${list(missing)}, unknown qids: ${list(extra)}`,
      { argument: "predictions", expected: truth.length, received: predictions.length },
    );
  }
  return pairs;
}

/** Queries with windows of these lengths, and only those windows. */
function withLengths(pairs: Pair[], [more, most]: readonly [number, number]): Pair[] {
  return pairs.flatMap(({ truth, prediction }) => {
    const windows = truth.relevant_windows.filter(([start, end]) => end - start > more && end - start <= most);
    return windows.length > 0 ? [{ truth: { ...truth, relevant_windows: windows }, prediction }] : [];
  });
}

function moments(pairs: Pair[]): MomentRetrievalMetrics {
  const precision = pairs.map(({ truth, prediction }) =>
    detectionAveragePrecision(
      truth.relevant_windows,
      prediction.pred_relevant_windows!.slice(0, MAX_WINDOWS),
      THRESHOLDS,
    ),
  );
  const first = pairs.map(({ truth, prediction }) => {
    const [start, end] = prediction.pred_relevant_windows![0];
    return iouOfSpan([start, end], closest([start, end], truth.relevant_windows));
  });
  const at = THRESHOLDS.map((_, i) => mean(precision.map((values) => values[i])));
  return {
    "MR-mAP": {
      ...Object.fromEntries(THRESHOLDS.map((threshold, i) => [`${threshold}`, percent(at[i])])),
      average: percent(mean(at)),
    },
    "MR-R1": Object.fromEntries(
      THRESHOLDS.map((threshold) => [`${threshold}`, percent(mean(first.map((v) => (v >= threshold ? 1 : 0))))]),
    ),
  };
}

function closest(window: Interval, windows: readonly Interval[]): Interval {
  const overlaps = windows.map((other) => iou(window, other));
  return windows[overlaps.indexOf(Math.max(...overlaps))];
}

function highlights(pairs: Pair[], level: number): HighlightMetrics {
  const precision: number[] = [];
  const hits: number[] = [];
  for (const { truth, prediction } of pairs) {
    const clips = Math.floor(truth.duration / CLIP_SECONDS);
    const given = prediction.pred_saliency_scores!;
    const scores = Array.from({ length: clips }, (_, i) => given[i] ?? 0);
    const { relevant_clip_ids: relevant = [], saliency_scores: saliency = [] } = truth;
    const annotators = saliency[0]?.length ?? 3;
    const positive = Array.from({ length: annotators }, (_, a) => {
      const flags = new Array<boolean>(clips).fill(false);
      relevant.forEach((clip, i) => {
        flags[clip] = saliency[i][a] >= level;
      });
      return flags;
    });
    for (const flags of positive) precision.push(rankingAveragePrecision(flags, scores));
    const best = given.indexOf(given.reduce((p, q) => Math.max(p, q)));
    hits.push(positive.some((flags) => flags[best]) ? 1 : 0);
  }
  return { "HL-mAP": percent(mean(precision)), "HL-Hit1": percent(mean(hits)) };
}

function brief(metrics: QVHighlightsMetrics): Record<string, number> {
  const out: Record<string, number> = {};
  const full = metrics.full as MomentRetrievalMetrics | undefined;
  if (full) {
    for (const threshold of ["0.5", "0.7"]) out[`MR-full-R1@${threshold}`] = full["MR-R1"][threshold];
    out["MR-full-mAP"] = full["MR-mAP"].average;
    for (const threshold of ["0.5", "0.75"]) out[`MR-full-mAP@${threshold}`] = full["MR-mAP"][threshold];
    for (const name of ["long", "middle", "short"]) {
      out[`MR-${name}-mAP`] = (metrics[name] as MomentRetrievalMetrics)["MR-mAP"].average;
    }
  }
  for (const name of Object.keys(LEVELS)) {
    const found = metrics[`HL-min-${name}`] as HighlightMetrics | undefined;
    if (!found) continue;
    out[`HL-min-${name}-mAP`] = found["HL-mAP"];
    out[`HL-min-${name}-Hit1`] = found["HL-Hit1"];
  }
  return out;
}
