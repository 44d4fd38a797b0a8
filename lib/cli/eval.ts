import { Command, Option } from "commander";
import { evaluateQVHighlights } from "../eval/qvhighlights.js";
import { readMomentPredictions, readMomentTruth } from "../eval/qvhighlights_files.js";
import type { Ties } from "../eval/retrieval.js";
import { scoreChoices, scoreCoin, scoreCrossTask, scoreDidemo, scoreRetrieval } from "../eval/score_files.js";
import { whole } from "./options.js";

interface Flags {
  truth: string;
  predictions: string;
  json?: boolean;
}

/** Numbers under their names, one a line, nested ones below a heading: what the commands print without `--json`. */
export function table(metrics: object, indent = ""): string {
  return Object.entries(metrics)
    .map(([name, value]) => {
      if (Array.isArray(value)) value = value.map((v) => Number(Number(v).toFixed(4))).join(" to ");
      else if (typeof value === "object" && value !== null) {
        return `${indent}${name}\n${table(value as object, `${indent}  `)}`;
      } else if (typeof value === "number") value = Number(value.toFixed(4));
      return `${indent}${name.padEnd(32 - indent.length)} ${String(value)}`;
    })
    .join("\n");
}

function print(metrics: object, json: boolean | undefined): void {
  process.stdout.write(`${json ? JSON.stringify(metrics) : table(metrics)}\n`);
}

interface Benchmark {
  name: string;
  description: string;
  truth: string;
  predictions: string;
  example: string;
  score: (truth: string, predictions: string) => Promise<object>;
}

/** Benchmarks whose ground truth and submissions are files. */
const BENCHMARKS: Benchmark[] = [
  {
    name: "qvhighlights",
    description: "Moment retrieval and highlights of QVHighlights: R1, mAP, HIT@1 in percent",
    truth: "highlight_val_release.jsonl (.gz too)",
    predictions: "lines {qid, pred_relevant_windows: [[start, end, score]], pred_saliency_scores: [per 2 s]}",
    example: "--truth highlight_val_release.jsonl --predictions submission.jsonl --json",
    score: async (truth, predictions) =>
      evaluateQVHighlights(await readMomentTruth(truth), await readMomentPredictions(predictions)),
  },
  {
    name: "msrvtt-qa",
    description: "Multiple choice of MSR-VTT: accuracy",
    truth: "MSR_MC_test.csv",
    predictions: "lines {vid_key, answer: 0 to 4} or {vid_key, scores: [5]}",
    example: "--truth MSR_MC_test.csv --predictions answers.jsonl",
    score: scoreChoices,
  },
  {
    name: "coin",
    description: "Step segmentation of COIN (testing subset): frame accuracy, with and without background",
    truth: "COIN.json",
    predictions: "lines {video, labels: [class of each second; 0 is background]}",
    example: "--truth COIN.json --predictions labels.jsonl",
    score: scoreCoin,
  },
  {
    name: "crosstask",
    description: "Step localisation of CrossTask: average recall over the tasks",
    truth: "the folder of annotations ({task}_{video}.csv)",
    predictions: "lines {task, video, seconds: [one per step of the task]}",
    example: "--truth crosstask_release/annotations --predictions steps.jsonl",
    score: scoreCrossTask,
  },
  {
    name: "didemo",
    description: "Moments of DiDeMo: rank@1, rank@5, mIoU",
    truth: "test_data.json",
    predictions:
      "a JSON list of ranked [[first, last] chunk] lists in the order of the truth, or lines {annotation_id, segments}",
    example: "--truth test_data.json --predictions moments.json",
    score: scoreDidemo,
  },
];

function benchmark({ name, description, truth, predictions, example, score }: Benchmark): Command {
  return new Command(name)
    .description(description)
    .requiredOption("--truth <path>", `ground truth: ${truth}`)
    .requiredOption("--predictions <file>", `submission: ${predictions}`)
    .option("--json", "one JSON object on stdout")
    .addHelpText("after", `\nExample:\n  videoclip eval ${name} ${example}`)
    .action(async (flags: Flags) => print(await score(flags.truth, flags.predictions), flags.json));
}

interface RetrievalFlags {
  similarity: string;
  truth?: string;
  ties: Ties;
  bootstrap?: number;
  seed: number;
  json?: boolean;
}

function retrieval(): Command {
  return new Command("retrieval")
    .description("Text-to-video (or video-to-text) retrieval: R@1, R@5, R@10, median and mean rank")
    .requiredOption("--similarity <file>", ".npy [queries, candidates]; higher is closer")
    .option("--truth <file>", "line i: the relevant columns of row i (default: column i)")
    .addOption(
      new Option("--ties <rule>", "equal scores: their mean over all orders, the relevant one first, or as MMPT counts")
        .choices(["expected", "optimistic", "mmpt"])
        .default("expected"),
    )
    .option("--bootstrap <samples>", "95 % intervals by resampling the queries", whole)
    .option("--seed <n>", "of the resampling", whole, 0)
    .option("--json", "one JSON object on stdout")
    .addHelpText("after", "\nExample:\n  videoclip eval retrieval --similarity scores.npy --bootstrap 1000")
    .action(async ({ similarity, truth, ties, bootstrap, seed, json }: RetrievalFlags) => {
      const options = { ties, bootstrap: bootstrap ? { samples: bootstrap, seed } : undefined };
      print(await scoreRetrieval(similarity, truth, options), json);
    });
}

/** `videoclip eval TASK`: scores predictions, of this package or of others. */
export function evalCommand(): Command {
  const command = new Command("eval").description("Score predictions on a benchmark");
  command.addCommand(retrieval());
  for (const task of BENCHMARKS) command.addCommand(benchmark(task));
  return command;
}
