import { InvalidArgumentError } from "../base/errors.js";

/**
 * Seconds of ordered steps (Zhukov et al. 2019, CrossTask): step k gets exactly one second, each later than the
 * previous one, so that the sum of costs is smallest. Other seconds are background and cost nothing.
 * @param cost `[seconds, steps]`, -log p of a step at a second
 * @returns the second of each step; among equal sums the one with the earliest last second, and so on backwards (the
 * authors' code may give other seconds of the same sum)
 * @throws InvalidArgumentError when there are fewer seconds than steps
 */
export function orderedAssignment(cost: ArrayLike<number>, seconds: number, steps: number): number[] {
  if (seconds < steps) {
    throw new InvalidArgumentError(`expected at least a second for each of ${steps} steps, received ${seconds} s`);
  }
  // best[k][t]: smallest sum of steps 0..k with step k at or before second t; at[k][t]: the second of step k in that
  // solution
  const best = Array.from({ length: steps }, () => new Float64Array(seconds).fill(Infinity));
  const at = Array.from({ length: steps }, () => new Int32Array(seconds).fill(-1));
  for (let k = 0; k < steps; k++) {
    for (let t = k; t < seconds; t++) {
      const before = k === 0 ? 0 : t === 0 ? Infinity : best[k - 1][t - 1];
      const here = before + cost[t * steps + k];
      const kept = t > k ? best[k][t - 1] : Infinity;
      best[k][t] = Math.min(here, kept);
      at[k][t] = here < kept ? t : t > k ? at[k][t - 1] : t;
    }
  }
  const result = new Array<number>(steps);
  for (let k = steps - 1, t = seconds - 1; k >= 0; k--) {
    result[k] = at[k][t];
    t = result[k] - 1;
  }
  return result;
}

/** Annotated and predicted steps of one video of a task. */
export interface StepVideo {
  task: string;
  /** Annotated intervals `[step, start, end)` in whole seconds, steps from 0. */
  truth: readonly (readonly [number, number, number])[];
  /** The second of each step; -1 for none. */
  predicted: ArrayLike<number>;
  /** Seconds of the video with features; annotations after them are ignored. Default: all annotations are used. */
  length?: number | undefined;
}

/** Intervals with a second in the video, cut to it. */
export function presentSteps({ truth, length = Infinity }: Pick<StepVideo, "truth" | "length">): StepVideo["truth"] {
  const cut = truth.map(([step, start, end]) => [step, start, Math.min(end, length)] as const);
  return cut.filter(([, start, end]) => start < end);
}

export interface StepMetrics {
  videos: number;
  tasks: number;
  /** Mean over the tasks. */
  averageRecall: number;
  /** For each task, found steps / steps in the video. */
  recall: Record<string, number>;
}

/**
 * Recall of CrossTask, as in its code: a step with a second in the video is counted once, and found when its second is
 * in one of its intervals.
 */
export function stepMetrics(videos: readonly StepVideo[]): StepMetrics {
  const found: Record<string, number> = {};
  const total: Record<string, number> = {};
  for (const video of videos) {
    const { task, predicted } = video;
    const truth = presentSteps(video);
    const present = new Set(truth.map(([step]) => step));
    total[task] = (total[task] ?? 0) + present.size;
    const hits = [...present].filter((step) =>
      truth.some(([k, start, end]) => k === step && predicted[step] >= start && predicted[step] < end),
    );
    found[task] = (found[task] ?? 0) + hits.length;
  }
  const recall = Object.fromEntries(
    Object.keys(total)
      .filter((task) => total[task] > 0)
      .map((task) => [task, found[task] / total[task]]),
  );
  const values = Object.values(recall);
  return {
    videos: videos.length,
    tasks: values.length,
    averageRecall: values.reduce((a, b) => a + b, 0) / values.length,
    recall,
  };
}
