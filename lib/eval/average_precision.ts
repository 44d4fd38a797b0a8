import { type Interval, iou } from "./intervals.js";
import { mean } from "./percent.js";

/** Area under a precision-recall curve, after precision is made non-increasing (PASCAL VOC 2010 and ActivityNet). */
function interpolated(precision: number[], recall: number[]): number {
  let area = 0;
  let best = 0;
  for (let i = precision.length - 1; i >= 0; i--) {
    best = Math.max(best, precision[i]);
    area += (recall[i] - (i > 0 ? recall[i - 1] : 0)) * best;
  }
  return area;
}

/**
 * Average precision of temporal detection, as in ActivityNet. Predictions are matched in order of score: a prediction
 * is correct when its overlap with the unmatched truth that it overlaps most reaches the threshold.
 * @param predictions `[start, end, score]`
 * @param thresholds of the intersection over union
 * @returns one value per threshold
 */
export function detectionAveragePrecision(
  truth: readonly Interval[],
  predictions: readonly (readonly number[])[],
  thresholds: readonly number[],
): number[] {
  const ranked = [...predictions].sort((a, b) => b[2] - a[2]);
  const matches = ranked.map(([start, end]) => {
    const overlaps = truth.map((window) => iou([start, end], window));
    // by falling overlap; among equal ones the last is first
    const order = overlaps.map((_, i) => i).sort((a, b) => overlaps[b] - overlaps[a] || b - a);
    return { overlaps, order };
  });
  return thresholds.map((threshold) => {
    const taken = new Set<number>();
    const precision: number[] = [];
    const recall: number[] = [];
    matches.forEach(({ overlaps, order }, i) => {
      const hit = order.find((j) => overlaps[j] >= threshold && !taken.has(j));
      if (hit !== undefined) taken.add(hit);
      precision.push(taken.size / (i + 1));
      recall.push(taken.size / truth.length);
    });
    return interpolated(precision, recall);
  });
}

/**
 * Average precision of a ranking of clips, as in the QVHighlights evaluator: the mean, over the distinct levels of
 * recall, of the best precision at that level or a higher one. Equal scores are one step of the curve. All clips
 * negative gives 0, all positive 1.
 * @param positive one flag per clip
 * @param scores one score per clip
 */
export function rankingAveragePrecision(positive: readonly boolean[], scores: readonly number[]): number {
  const total = positive.filter(Boolean).length;
  if (total === 0) return 0;
  if (total === positive.length) return 1;
  const order = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a]);
  const steps: { precision: number; hits: number }[] = []; // from few clips to all clips
  let hits = 0;
  order.forEach((clip, i) => {
    if (positive[clip]) hits++;
    if (i + 1 === order.length || scores[order[i + 1]] !== scores[clip])
      steps.push({ precision: hits / (i + 1), hits });
  });
  const values: number[] = [];
  let best = 0;
  for (let i = steps.length - 1; i >= 0; i--) {
    best = Math.max(best, steps[i].precision);
    const below = i > 0 ? steps[i - 1].hits : 0;
    if (steps[i].hits !== below) values.push(best);
  }
  return mean(values);
}
