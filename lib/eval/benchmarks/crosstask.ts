import { dirname } from "node:path";
import { type CrossTask, listCrossTaskAnnotations, readCrossTaskSteps } from "../../data/crosstask.js";
import { crossTaskFiles, keyOf, selectCrossTaskVideos } from "../../data/crosstask_videos.js";
import type { Fields } from "../../data/fields.js";
import { InvalidArgumentError } from "../../errors.js";
import { type Example, middle, span } from "../example.js";
import { orderedAssignment, type StepMetrics, stepMetrics } from "../localisation.js";
import { predictEach, type PredictOptions } from "../predict_options.js";
import { WindowEncoder } from "../window_encoder.js";
import type { Benchmark } from "./benchmark.js";
import { byKey, match, writeLines } from "./submission.js";

/** Step localisation of CrossTask (Zhukov et al. 2019). */
export const CROSSTASK: Benchmark<StepMetrics> = {
  description: "Step localisation of CrossTask: average recall over the tasks",
  truth: "the folder of annotations ({task}_{video}.csv), tasks_primary.txt beside it",
  predictions: "lines {task, video, seconds: [one per step of the task]}",
  example: "--truth crosstask_release/annotations --predictions steps.jsonl",
  takes: ["videos", "without"],
  score: ({ truth, predictions }) => scoreCrossTask(truth, predictions),
  illustrate: async ({ truth, predictions }) => ({ examples: await crossTaskExamples(truth, predictions) }),
  predict: async ({ truth, predictions }, { videos: list, without, ...options }) => {
    const tasks = crossTaskFiles(dirname(truth));
    if (tasks.length === 0) {
      throw new InvalidArgumentError(`--truth: there is no tasks_primary.txt beside ${truth}`, { argument: "truth" });
    }
    const videos = await selectCrossTaskVideos({ tasks, annotations: truth, videos: list, without });
    writeLines(predictions, await predictCrossTask(videos, options));
  },
};

/** Annotations of the videos that a submission has lines for, with those lines. */
async function predicted(annotations: string, predictions: string) {
  const lines = await byKey(predictions, (fields: Fields) => keyOf(fields.string("task"), fields.string("video")));
  const all = await listCrossTaskAnnotations(annotations);
  // the folder holds the videos of every split: those that are predicted are scored
  const truth = all.filter(({ task, video }) => lines.has(keyOf(task, video)));
  return match(truth, ({ task, video }) => keyOf(task, video), lines, predictions);
}

/** CrossTask: the folder of annotations against lines `{"task", "video", "seconds": [one per step of the task]}`. */
export async function scoreCrossTask(annotations: string, predictions: string): Promise<StepMetrics> {
  const pairs = await predicted(annotations, predictions);
  return stepMetrics(
    await Promise.all(
      pairs.map(async ({ item, fields }) => {
        const steps = await readCrossTaskSteps(item.file);
        const seconds = fields.numbers("seconds");
        const most = Math.max(0, ...steps.map(({ step }) => step));
        if (seconds.length < most) throw fields.error("seconds", `a second for each step, at least ${most}`);
        return {
          task: item.task,
          truth: steps.map(({ step, start, end }) => [step - 1, Math.floor(start), Math.ceil(end)] as const),
          predicted: seconds,
        };
      }),
    ),
  );
}

/**
 * Step localisation of CrossTask: -log softmax of a second's dot products with the texts of its task's steps, and the cheapest
 * seconds in the order of the steps. The same fine-tuned and zero-shot.
 * @returns lines of a submission: `{"task", "video", "seconds"}`
 */
export async function predictCrossTask(
  videos: readonly { task: CrossTask; video: string }[],
  options: PredictOptions,
): Promise<{ task: string; video: string; seconds: number[] }[]> {
  const { model, signal } = options;
  const encoder = new WindowEncoder(model);
  const texts = new Map<string, Float32Array>();
  try {
    return await predictEach(
      videos,
      ({ video }) => video,
      options,
      async ({ task, video }, features) => {
        const rows = texts.get(task.id) ?? (await model.encodeText(task.steps, { signal })).data;
        texts.set(task.id, rows);
        const tokens = await encoder.seconds(features, undefined, signal);
        const { data: scores } = await model.similarity(tokens, rows, { signal });
        const [steps, length] = [task.steps.length, tokens.length / encoder.width];
        return { task: task.id, video, seconds: orderedAssignment(logCosts(scores, steps), length, steps) };
      },
    );
  } finally {
    encoder.dispose();
  }
}

/** -log softmax of every row. */
function logCosts(scores: Float32Array, width: number): Float64Array {
  const costs = new Float64Array(scores.length);
  for (let at = 0; at < scores.length; at += width) {
    const row = scores.subarray(at, at + width);
    const top = row.reduce((p, q) => Math.max(p, q), -Infinity);
    const total = top + Math.log(row.reduce((sum, v) => sum + Math.exp(v - top), 0));
    row.forEach((v, i) => (costs[at + i] = total - v));
  }
  return costs;
}

/** Videos of CrossTask by the share of the steps there are that were found. */
export async function crossTaskExamples(annotations: string, predictions: string): Promise<Example[]> {
  return Promise.all(
    (await predicted(annotations, predictions)).map(async ({ item, fields }) => {
      const steps = await readCrossTaskSteps(item.file);
      const seconds = fields.numbers("seconds");
      const present = [...new Set(steps.map(({ step }) => step))];
      const within = (second: number, start: number, end: number) =>
        second >= Math.floor(start) && second < Math.ceil(end);
      const hit = present.filter((step) =>
        steps.some(({ step: s, start, end }) => s === step && within(seconds[s - 1], start, end)),
      );
      return {
        quality: hit.length / Math.max(1, present.length),
        title: `${item.video}, task ${item.task}`,
        lines: [`${hit.length} of ${present.length} steps found`],
        video: item.video,
        time: steps.length > 0 ? middle([steps[0].start, steps[0].end]) : 0,
        strips: [
          { name: "true", spans: steps.map(({ step, start, end }) => span(start, end, `step ${step}`, step)) },
          { name: "predicted", spans: seconds.map((second, k) => span(second, second + 1, `step ${k + 1}`, k + 1)) },
        ],
        length: Math.max(...steps.map(({ end }) => end), ...seconds.map((second) => second + 1)),
      };
    }),
  );
}
