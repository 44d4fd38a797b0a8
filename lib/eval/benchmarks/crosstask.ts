import { dirname, join } from "node:path";
import { type CrossTask, listCrossTaskAnnotations, readCrossTasks, readCrossTaskSteps } from "../../data/crosstask.js";
import { mmptSplit } from "../../data/crosstask_split.js";
import { type CrossTaskAnnotation, crossTaskFiles, keyOf, selectCrossTaskVideos } from "../../data/crosstask_videos.js";
import type { Fields } from "../../data/fields.js";
import { readVideoLists, type VideoLists } from "../../data/video_list.js";
import { DatasetError, InvalidArgumentError } from "../../base/errors.js";
import { type Example, middle, span } from "../example.js";
import { orderedAssignment, presentSteps, type StepMetrics, stepMetrics, type StepVideo } from "../localisation.js";
import { itemsWithFeatures, predictEach, type PredictOptions } from "../predict_options.js";
import { WindowEncoder } from "../window_encoder.js";
import type { Benchmark, SelectionOptions } from "./benchmark.js";
import { byKey, match, writeLines } from "./submission.js";

/** Step localisation of CrossTask (Zhukov et al. 2019). */
export const CROSSTASK: Benchmark<StepMetrics> = {
  description: "Step localisation of CrossTask: average recall over the tasks",
  truth: "the folder of annotations ({task}_{video}.csv), tasks_primary.txt beside it",
  predictions: "lines {task, video, seconds: [one per step of the task; -1: none], length: seconds of the video}",
  example: "--truth crosstask_release/annotations --predictions steps.jsonl",
  takes: ["videos", "without", "split"],
  score: ({ truth, predictions, ...lists }) => scoreCrossTask(truth, predictions, lists),
  illustrate: async ({ truth, predictions, ...lists }) => ({
    examples: await crossTaskExamples(truth, predictions, lists),
  }),
  predict: async ({ truth, predictions, ...lists }, { videos, without, split, ...options }) => {
    const selected = await readVideoLists(lists);
    const found = await selectVideos(truth, { videos, without, split }, options.features);
    const listed = found.filter(({ video, task }) => selected(video, keyOf(task.id, video)));
    const available = itemsWithFeatures(listed, ({ video }) => video, options);
    writeLines(predictions, await predictCrossTask(available, options));
  },
};

/** The annotated videos to predict. */
async function selectVideos(
  annotations: string,
  { videos, without, split }: Pick<SelectionOptions, "videos" | "without" | "split">,
  features: PredictOptions["features"],
): Promise<CrossTaskAnnotation[]> {
  const folder = dirname(annotations);
  const tasks = crossTaskFiles(folder);
  if (tasks.length === 0) {
    throw new InvalidArgumentError(`--truth: there is no tasks_primary.txt beside ${annotations}`, {
      argument: "truth",
    });
  }
  if (split === undefined) return selectCrossTaskVideos({ tasks, annotations, videos, without });
  if (split !== "mmpt") {
    throw new InvalidArgumentError(`split: expected mmpt, received ${String(split)}`, { argument: "split" });
  }
  const [list, validation] = ["videos.csv", "videos_val.csv"].map((name) => join(folder, name));
  const all = (await selectCrossTaskVideos({ tasks, annotations })).filter(({ video }) => features.has(video));
  const primary = new Set((await readCrossTasks(join(folder, "tasks_primary.txt"))).map(({ id }) => id));
  const { test } = await mmptSplit(all, { videos: list, validation, primary });
  if (test.length > 0) return test;
  throw new DatasetError(
    "ERR_DATASET",
    `${list}: expected a primary task with more than 30 annotated videos that have features, found none`,
    { file: list },
  );
}

/** Annotations of the videos in a submission, with its lines. */
async function predicted(annotations: string, predictions: string, lists: VideoLists) {
  const lines = await byKey(predictions, (fields: Fields) => keyOf(fields.string("task"), fields.string("video")));
  const selected = await readVideoLists(lists);
  const all = (await listCrossTaskAnnotations(annotations)).filter(({ task, video }) =>
    selected(video, keyOf(task, video)),
  );
  // the folder has the videos of every split, of which only the predicted ones are scored
  const truth = all.filter(({ task, video }) => lines.has(keyOf(task, video)));
  return match(truth, ({ task, video }) => keyOf(task, video), lines, predictions);
}

/** Annotated and predicted steps of a line. @throws DatasetError for a line with fewer seconds than steps */
async function readSteps(item: { task: string; file: string }, fields: Fields): Promise<StepVideo> {
  const steps = await readCrossTaskSteps(item.file);
  const predicted = fields.numbers("seconds");
  const max = Math.max(0, ...steps.map(({ step }) => step));
  if (predicted.length < max) throw fields.error("seconds", `a second for each step, at least ${max}`);
  return {
    task: item.task,
    truth: steps.map(({ step, start, end }) => [step - 1, Math.floor(start), Math.ceil(end)] as const),
    predicted,
    length: fields.has("length") ? fields.integer("length") : undefined,
  };
}

/**
 * CrossTask: the folder of annotations against lines
 * `{"task", "video", "seconds": [one per step of the task], "length"}`. `length` is the number of seconds with
 * features; as in the original's score, later annotations are ignored.
 * @param lists select the scored videos; default: those in the submission
 */
export async function scoreCrossTask(
  annotations: string,
  predictions: string,
  lists: VideoLists = {},
): Promise<StepMetrics> {
  const pairs = await predicted(annotations, predictions, lists);
  return stepMetrics(await Promise.all(pairs.map(({ item, fields }) => readSteps(item, fields))));
}

/**
 * Step localisation of CrossTask: -log softmax of a second's dot products with the texts of its task's steps, and the
 * cheapest seconds in the order of the steps. Fine-tuned and zero-shot predictions are made in the same way. A video
 * with fewer seconds than steps gets no steps.
 * @returns lines of a submission: `{"task", "video", "seconds", "length"}`
 */
export async function predictCrossTask(
  videos: readonly { task: CrossTask; video: string }[],
  options: PredictOptions,
): Promise<{ task: string; video: string; seconds: number[]; length: number }[]> {
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
        const fits = length >= steps;
        const seconds = fits
          ? orderedAssignment(logCosts(scores, steps), length, steps)
          : new Array<number>(steps).fill(-1);
        return { task: task.id, video, seconds, length };
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

/** Videos of CrossTask by the share of their steps that were found. */
export async function crossTaskExamples(
  annotations: string,
  predictions: string,
  lists: VideoLists = {},
): Promise<Example[]> {
  return Promise.all(
    (await predicted(annotations, predictions, lists)).map(async ({ item, fields }) => {
      const steps = await readCrossTaskSteps(item.file);
      const video = await readSteps(item, fields);
      const truth = presentSteps(video);
      const seconds = Array.from(video.predicted);
      const present = [...new Set(truth.map(([step]) => step))];
      const hit = present.filter((step) =>
        truth.some(([s, start, end]) => s === step && seconds[s] >= start && seconds[s] < end),
      );
      return {
        quality: hit.length / Math.max(1, present.length),
        title: `${item.video}, task ${item.task}`,
        lines: [`${hit.length} of ${present.length} steps found`],
        video: item.video,
        time: steps.length > 0 ? middle([steps[0].start, steps[0].end]) : 0,
        strips: [
          { name: "true", spans: steps.map(({ step, start, end }) => span(start, end, `step ${step}`, step)) },
          {
            name: "predicted",
            spans: seconds.flatMap((second, k) =>
              second < 0 ? [] : [span(second, second + 1, `step ${k + 1}`, k + 1)],
            ),
          },
        ],
        length: Math.max(...steps.map(({ end }) => end), ...seconds.map((second) => second + 1)),
      };
    }),
  );
}
