import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { readCoin } from "../../data/coin.js";
import { listCrossTaskAnnotations, readCrossTasks, readCrossTaskVideos } from "../../data/crosstask.js";
import { readDidemo } from "../../data/didemo.js";
import { readMsrvttQuestions } from "../../data/msrvtt.js";
import { InvalidArgumentError } from "../../errors.js";
import {
  choiceExamples,
  coinExamples,
  crossTaskExamples,
  didemoExamples,
  type Example,
  momentExamples,
} from "../../eval/examples.js";
import { predictDidemo, predictQVHighlights } from "../../eval/predict/moments.js";
import type { PredictOptions } from "../../eval/predict/options.js";
import { predictCoin, predictCrossTask } from "../../eval/predict/steps.js";
import { predictChoices } from "../../eval/predict/text.js";
import { evaluateQVHighlights } from "../../eval/qvhighlights.js";
import { readMomentPredictions, readMomentTruth } from "../../eval/qvhighlights_files.js";
import { scoreChoices, scoreCoin, scoreCrossTask, scoreDidemo } from "../../eval/score_files.js";
import { writeDurably } from "../../files.js";
import { loadClassifier } from "../../models/videoclip_classifier.js";
import { type ModelFlags, writeLines } from "./model.js";

export interface BenchmarkFlags extends ModelFlags {
  truth: string;
  predictions: string;
  json?: boolean;
  /** CrossTask: lists of videos. */
  videos?: string;
  without?: string;
}

/** A benchmark whose ground truth and submissions are files. */
export interface Benchmark {
  name: string;
  description: string;
  truth: string;
  predictions: string;
  example: string;
  score: (truth: string, predictions: string) => Promise<object>;
  /** What a report shows of them. */
  examples: (truth: string, predictions: string) => Promise<Example[]>;
  /** Makes a model's predictions and writes them as a submission. */
  predict: (flags: BenchmarkFlags, options: PredictOptions) => Promise<void>;
}

export const BENCHMARKS: Benchmark[] = [
  {
    name: "qvhighlights",
    description: "Moment retrieval and highlights of QVHighlights: R1, mAP, HIT@1 in percent",
    truth: "highlight_val_release.jsonl (.gz too)",
    predictions: "lines {qid, pred_relevant_windows: [[start, end, score]], pred_saliency_scores: [per 2 s]}",
    example: "--truth highlight_val_release.jsonl --predictions submission.jsonl --json",
    score: async (truth, predictions) =>
      evaluateQVHighlights(await readMomentTruth(truth), await readMomentPredictions(predictions)),
    examples: momentExamples,
    predict: async ({ truth, predictions }, options) =>
      writeLines(predictions, await predictQVHighlights(await readMomentTruth(truth), options)),
  },
  {
    name: "msrvtt-qa",
    description: "Multiple choice of MSR-VTT: accuracy",
    truth: "MSR_MC_test.csv",
    predictions: "lines {vid_key, answer: 0 to 4} or {vid_key, scores: [5]}",
    example: "--truth MSR_MC_test.csv --predictions answers.jsonl",
    score: scoreChoices,
    examples: choiceExamples,
    predict: async ({ truth, predictions }, options) =>
      writeLines(predictions, await predictChoices(await readMsrvttQuestions(truth), options)),
  },
  {
    name: "coin",
    description: "Step segmentation of COIN (testing subset): frame accuracy, with and without background",
    truth: "COIN.json",
    predictions: "lines {video, labels: [class of each second; 0 is background]}",
    example: "--truth COIN.json --predictions labels.jsonl",
    score: scoreCoin,
    examples: coinExamples,
    predict: predictCoinFile,
  },
  {
    name: "crosstask",
    description: "Step localisation of CrossTask: average recall over the tasks",
    truth: "the folder of annotations ({task}_{video}.csv), tasks_primary.txt beside it",
    predictions: "lines {task, video, seconds: [one per step of the task]}",
    example: "--truth crosstask_release/annotations --predictions steps.jsonl",
    score: scoreCrossTask,
    examples: crossTaskExamples,
    predict: predictCrossTaskFile,
  },
  {
    name: "didemo",
    description: "Moments of DiDeMo: rank@1, rank@5, mIoU",
    truth: "test_data.json",
    predictions:
      "a JSON list of ranked [[first, last] chunk] lists in the order of the truth, or lines {annotation_id, segments}",
    example: "--truth test_data.json --predictions moments.json",
    score: scoreDidemo,
    examples: didemoExamples,
    predict: async ({ truth, predictions }, options) => {
      const queries = await readDidemo(truth);
      const lists = await predictDidemo(queries, options);
      if (!/\.jsonl(\.gz)?$/.test(predictions)) writeDurably(predictions, `${JSON.stringify(lists)}\n`);
      else writeLines(predictions, lists.map((segments, i) => ({ annotation_id: queries[i].id, segments }))); // prettier-ignore
    },
  },
];

/** A fine-tuned model has its classifier beside it; any other is evaluated zero-shot, as MMPT does. */
async function predictCoinFile({ truth, predictions, model: path }: BenchmarkFlags, options: PredictOptions) {
  const { model } = options;
  const classes = await loadClassifier(path!, model.device.parameters, model.config.hiddenSize);
  const videos = await readCoin(truth, "testing");
  const texts = videos.flatMap(({ steps }) => steps.map(({ label, text }): [number, string] => [label, text]));
  const labels = new Map(texts.sort((a, b) => a[0] - b[0]));
  writeLines(predictions, await predictCoin(videos, labels, { ...options, classes }));
}

async function predictCrossTaskFile(flags: BenchmarkFlags, options: PredictOptions) {
  const folder = dirname(flags.truth);
  const files = ["tasks_primary.txt", "tasks_related.txt"].map((name) => join(folder, name)).filter(existsSync);
  if (files.length === 0) {
    throw new InvalidArgumentError(`--truth: there is no tasks_primary.txt beside ${flags.truth}`, {
      argument: "truth",
    });
  }
  const tasks = new Map((await Promise.all(files.map(readCrossTasks))).flat().map((task) => [task.id, task]));
  const keys = async (list: string | undefined) =>
    list && new Set((await readCrossTaskVideos(list)).map(({ task, video }) => `${task}_${video}`));
  const [wanted, without] = [await keys(flags.videos), await keys(flags.without)];
  const videos = (await listCrossTaskAnnotations(flags.truth)).flatMap(({ task: id, video }) => {
    const task = tasks.get(id);
    const key = `${id}_${video}`;
    return task && (!wanted || wanted.has(key)) && !(without && without.has(key)) ? [{ task, video }] : [];
  });
  writeLines(flags.predictions, await predictCrossTask(videos, options));
}
