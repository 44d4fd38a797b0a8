import type { Command } from "commander";
import { InvalidArgumentError } from "../../errors.js";
import type { PredictOptions } from "../../eval/predict/options.js";
import { type Report, reportPage } from "../../eval/report.js";
import { writeDurably } from "../../files.js";
import { VideoClip } from "../../models/videoclip.js";
import { type FeatureFlags, openFeatures, withFeatures } from "../features.js";
import { interruptible } from "../interrupt.js";
import { plainProgress, positive } from "../options.js";

export interface ReportFlags {
  html?: string;
  pictures?: string;
}

/** What a model is opened with, to make predictions before they are scored. */
export interface ModelFlags extends ReportFlags, FeatureFlags {
  model?: string;
  tokenizer?: string;
  threads?: number;
  quiet?: boolean;
}

/** Adds the options of a model to a command. */
export const withModel = (command: Command): Command =>
  withFeatures(command)
    .option("--model <path>", "a VideoCLIP model: its predictions are written to --predictions, then scored")
    .option("--features <folder>", "with --model: features of the videos, one .npy each, a row per second")
    .option("--tokenizer <path>", "tokenizer.json or vocab.txt of the model, where its folder has none")
    .option("--threads <n>", "compute threads; default: the cores of this machine", positive)
    .option("--quiet", "no progress")
    .option("--html <file>", "also write a page: figures, curves, best and worst examples")
    .option("--pictures <folder>", "with --html: the videos, for pictures of the examples");

/** Writes the page that --html asks for. */
export async function writeReport({ html, pictures }: ReportFlags, report: () => Promise<Report>): Promise<void> {
  if (html === undefined) return;
  writeDurably(html, await reportPage({ ...(await report()), pictures }));
  process.stderr.write(`The page is in ${html}\n`);
}

/**
 * Runs work with the model that the flags say.
 * @returns what the work gives, or undefined when it was interrupted
 */
export async function usingModel<T>(
  { model: path, tokenizer, features: folder, threads, quiet, ...flags }: ModelFlags,
  work: (options: PredictOptions) => Promise<T>,
): Promise<T | undefined> {
  if (folder === undefined) {
    throw new InvalidArgumentError("--features: expected a folder with the features of the videos beside --model", {
      argument: "features",
    });
  }
  const progress = plainProgress(quiet, ({ done, total }) => `${done} of ${total} predicted`);
  let result: T | undefined;
  await interruptible("no prediction was written", async (signal) => {
    const model = await VideoClip.load(path!, { threads, signal, ...(tokenizer === undefined ? {} : { tokenizer }) });
    try {
      const features = await openFeatures(folder, flags, signal);
      try {
        result = await work({ model, features, signal, onProgress: progress });
      } finally {
        features.dispose?.();
      }
    } finally {
      model.dispose();
    }
  });
  return result;
}

/** Writes a submission of one object a line. */
export function writeLines(file: string, lines: readonly object[]): void {
  writeDurably(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}
