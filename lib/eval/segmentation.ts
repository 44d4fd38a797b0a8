import { DatasetError } from "../base/errors.js";
import type { Interval } from "./intervals.js";

/** A step of a video: class 1 and up; 0 is the background. */
export interface LabelledSegment {
  label: number;
  segment: Interval;
}

/**
 * The class of each second: a segment covers `[floor(start), ceil(end))`, and a later segment replaces an earlier one.
 */
export function secondLabels(segments: readonly LabelledSegment[], seconds: number): Int32Array {
  const labels = new Int32Array(seconds);
  for (const { label, segment } of segments) {
    labels.fill(label, Math.max(0, Math.floor(segment[0])), Math.max(0, Math.ceil(segment[1])));
  }
  return labels;
}

/**
 * Logits of a whole video from those of its windows: the mean over the windows that contain a second.
 * @param windows one `[rows, classes]` array per start of `windowStarts`; rows beyond the video are left out
 * @returns `[length, classes]`
 */
export function averageWindows(
  windows: readonly Float32Array[],
  starts: readonly number[],
  length: number,
  classes: number,
): Float32Array {
  const sums = new Float64Array(length * classes);
  const seen = new Int32Array(length);
  windows.forEach((logits, w) => {
    const rows = Math.min(logits.length / classes, length - starts[w]);
    for (let r = 0; r < rows; r++) {
      seen[starts[w] + r]++;
      for (let c = 0; c < classes; c++) sums[(starts[w] + r) * classes + c] += logits[r * classes + c];
    }
  });
  return Float32Array.from(sums, (sum, i) => sum / Math.max(1, seen[Math.floor(i / classes)]));
}

/**
 * Zero-shot classes of VideoCLIP: the label whose text is most similar, or the background if no score exceeds
 * `threshold` (the largest dot product of two different labels' texts).
 * @param logits `[length, labels]`
 * @returns classes from 1, 0 for the background
 */
export function zeroShotLabels(logits: Float32Array, labels: number, threshold: number): Int32Array {
  return Int32Array.from({ length: logits.length / labels }, (_, row) => {
    let best = 0;
    for (let l = 1; l < labels; l++) if (logits[row * labels + l] > logits[row * labels + best]) best = l;
    return logits[row * labels + best] > threshold ? best + 1 : 0;
  });
}

/** Shares of all seconds of all videos. */
export interface SegmentationMetrics {
  videos: number;
  seconds: number;
  /** Accuracy with the background as a class, which papers report. */
  frameAccuracy: number;
  /** Accuracy over the seconds that belong to a step. */
  frameAccuracyWithoutBackground: number;
  /** `frameAccuracy` of a prediction of background everywhere. */
  backgroundShare: number;
}

/** @param videos true and predicted classes of each second, equally long */
export function segmentationMetrics(
  videos: readonly { truth: ArrayLike<number>; predicted: ArrayLike<number> }[],
): SegmentationMetrics {
  let [seconds, right, steps, rightSteps] = [0, 0, 0, 0];
  for (const { truth, predicted } of videos) {
    if (truth.length !== predicted.length) {
      throw new DatasetError("ERR_DATASET", `a video of ${truth.length} s has ${predicted.length} predicted seconds`);
    }
    seconds += truth.length;
    for (let t = 0; t < truth.length; t++) {
      const hit = truth[t] === predicted[t] ? 1 : 0;
      right += hit;
      if (truth[t] === 0) continue;
      steps++;
      rightSteps += hit;
    }
  }
  return {
    videos: videos.length,
    seconds,
    frameAccuracy: right / seconds,
    frameAccuracyWithoutBackground: rightSteps / steps,
    backgroundShare: (seconds - steps) / seconds,
  };
}
