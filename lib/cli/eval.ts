import { Command, Option } from "commander";
import { readVideoList } from "../data/video_list.js";
import { InvalidArgumentError } from "../base/errors.js";
import {
  type BenchmarkName,
  benchmarkPage,
  evaluateBenchmark,
  listBenchmarks,
  predictBenchmark,
  scoreRetrieval,
} from "../eval/index.js";
import { BENCHMARKS } from "../eval/run_benchmark.js";
import { writeDurably } from "../base/files.js";
import { openFeatures } from "../features/open_features.js";
import type { Benchmark } from "../eval/benchmarks/benchmark.js";
import {
  type ListFlags,
  type ModelFlags,
  type RankingFlags,
  rankingOf,
  withLists,
  withModel,
  withRanking,
  withTies,
} from "./eval_flags.js";
import { interruptible } from "./interrupt.js";
import { plainProgress } from "./options.js";
import { reportUnknown } from "./unknown.js";
import { printFigures } from "./table.js";

interface BenchmarkFlags extends ModelFlags, ListFlags, RankingFlags {
  truth: string;
  predictions: string;
  json?: boolean;
  /** CrossTask: lists of videos. */
  videos?: string;
  without?: string;
  split?: "mmpt";
}

/** `videoclip eval TASK`: scores predictions of any program. */
export function evalCommand(): Command {
  const command = new Command("eval").description("Score predictions, or a model, on a benchmark");
  command.addCommand(retrieval());
  for (const { name } of listBenchmarks()) command.addCommand(benchmark(name));
  return command;
}

function retrieval(): Command {
  const command = new Command("retrieval")
    .description("Text-to-video (or video-to-text) retrieval: R@1, R@5, R@10, median and mean rank")
    .requiredOption("--similarity <file>", ".npy [queries, candidates]; higher is closer")
    .option("--truth <file>", "line i: the relevant columns of row i (default: column i)")
    .addHelpText("after", "\nExample:\n  videoclip eval retrieval --similarity scores.npy --bootstrap 1000");
  return withRanking(command)
    .option("--json", "one JSON object on stdout")
    .action(
      async (flags: RankingFlags & { similarity: string; truth?: string | undefined; json?: boolean | undefined }) =>
        printFigures(await scoreRetrieval(flags.similarity, flags.truth, rankingOf(flags)), flags.json),
    );
}

function benchmark(name: BenchmarkName): Command {
  const { description, truth, predictions, example, takes } = BENCHMARKS[name] as Benchmark;
  const examples = [`${name} ${example}`, `${name} ${example} --model videoclip/ --features features/`];
  const command = new Command(name)
    .description(description)
    .requiredOption("--truth <path>", `ground truth: ${truth}`)
    .requiredOption("--predictions <file>", `submission: ${predictions}`)
    .option("--json", "one JSON object on stdout")
    .addHelpText("after", `\nExamples:\n${examples.map((text) => `  videoclip eval ${text}`).join("\n")}`);
  if (takes?.includes("videos")) {
    command
      .option("--videos <csv>", "with --model: only videos of this list (videos.csv)")
      .option("--without <csv>", "with --model: no videos of this list (trained_videos.csv of a fine-tuned model)")
      .addOption(
        new Option(
          "--split <name>",
          "with --model: the test videos as MMPT draws them from videos.csv beside the annotations",
        ).choices(["mmpt"]),
      );
  }
  if (takes?.includes("bootstrap")) withRanking(command);
  else if (takes?.includes("ties")) withTies(command);
  return withModel(withLists(command)).action((flags: BenchmarkFlags) => run(name, flags));
}

async function run(name: BenchmarkName, flags: BenchmarkFlags): Promise<void> {
  const { truth, predictions, model, html, pictures, only, leftOut } = flags;
  if (model !== undefined && !(await predict(name, model, flags))) return;
  const except = model !== undefined && leftOut !== undefined ? [...flags.except, leftOut] : flags.except;
  const files = { truth, predictions, only, except, ...rankingOf(flags) };
  const metrics = await evaluateBenchmark(name, files);
  printFigures(metrics, flags.json);
  if (html === undefined) return;
  writeDurably(html, await benchmarkPage(name, { ...files, metrics, pictures }));
  process.stderr.write(`The page is in ${html}\n`);
}

/** Writes the predictions of a model. @returns false when it was interrupted */
async function predict(name: BenchmarkName, model: string, flags: BenchmarkFlags): Promise<boolean> {
  const { truth, predictions, only, except, tokenizer, threads, leftOut, features: folder } = flags;
  if (folder === undefined) {
    throw new InvalidArgumentError("--features: expected a folder with the features of the videos beside --model", {
      argument: "features",
    });
  }
  const onProgress = plainProgress(flags.quiet, ({ done, total }) => `${done} of ${total} predicted`);
  let done = false;
  await interruptible("no prediction was written", async (signal) => {
    const { videoModel, videoWeights, randomWeights, s3dFc } = flags;
    const features = await openFeatures(folder, { videoModel, videoWeights, randomWeights, s3dFc, signal });
    try {
      const { videos, without, split } = flags;
      const files = { truth, predictions, only, except, videos, without, split, leftOut };
      const { unknown } = await predictBenchmark(name, {
        ...files,
        model,
        tokenizer,
        threads,
        features,
        signal,
        onProgress,
      });
      reportUnknown(unknown);
      if (leftOut !== undefined) await reportLeftOut(leftOut);
      done = true;
    } finally {
      features.dispose?.();
    }
  });
  return done;
}

/** Reports the number of videos without features. */
async function reportLeftOut(file: string): Promise<void> {
  const { size } = await readVideoList(file);
  if (size > 0) process.stderr.write(`${size} videos have no features and are left out: ${file}\n`);
}
