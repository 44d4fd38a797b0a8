import { Command, Option } from "commander";
import { datasetFormat } from "../../data/formats.js";
import { Skips } from "../../data/skips.js";
import { InvalidArgumentError } from "../../errors.js";
import { captionsOf, predictRetrieval } from "../../eval/predict/text.js";
import { retrievalExamples } from "../../eval/examples.js";
import type { Curve } from "../../eval/report.js";
import { retrievalMetrics, type Ties } from "../../eval/retrieval.js";
import { readSimilarity, scoreRetrieval } from "../../eval/score_files.js";
import { writeDurably } from "../../files.js";
import { npyBytes } from "../../weights/npy.js";
import { whole } from "../options.js";
import { type Benchmark, type BenchmarkFlags, BENCHMARKS } from "./benchmarks.js";
import { usingModel, withModel, writeReport } from "./model.js";

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

function benchmark({ name, description, truth, predictions, example, score, examples, predict }: Benchmark): Command {
  const command = new Command(name)
    .description(description)
    .requiredOption("--truth <path>", `ground truth: ${truth}`)
    .requiredOption("--predictions <file>", `submission: ${predictions}`)
    .option("--json", "one JSON object on stdout")
    .addHelpText(
      "after",
      `\nExamples:\n  videoclip eval ${name} ${example}\n  videoclip eval ${name} ${example} --model videoclip/ --features features/`,
    );
  if (name === "crosstask") {
    command
      .option("--videos <csv>", "with --model: only videos of this list (videos.csv)")
      .option("--without <csv>", "with --model: no videos of this list (trained_videos.csv of a fine-tuned model)");
  }
  return withModel(command).action(async (flags: BenchmarkFlags) => {
    if (flags.model !== undefined) {
      const done = await usingModel(flags, async (options) => {
        await predict(flags, options);
        return true;
      });
      if (!done) return;
    }
    const metrics = await score(flags.truth, flags.predictions);
    print(metrics, flags.json);
    await writeReport(flags, async () => ({
      title: description.split(":")[0],
      metrics,
      examples: await examples(flags.truth, flags.predictions),
    }));
  });
}

interface RankingFlags {
  ties: Ties;
  bootstrap?: number;
  seed: number;
  json?: boolean;
}

interface RetrievalFlags extends RankingFlags {
  similarity: string;
  truth?: string;
}

const withRanking = (command: Command): Command =>
  command
    .addOption(
      new Option("--ties <rule>", "equal scores: their mean over all orders, the relevant one first, or as MMPT counts")
        .choices(["expected", "optimistic", "mmpt"])
        .default("expected"),
    )
    .option("--bootstrap <samples>", "95 % intervals by resampling the queries", whole)
    .option("--seed <n>", "of the resampling", whole, 0)
    .option("--json", "one JSON object on stdout");

const ranking = ({ ties, bootstrap, seed }: RankingFlags) => ({
  ties,
  bootstrap: bootstrap ? { samples: bootstrap, seed } : undefined,
});

function retrieval(): Command {
  const command = new Command("retrieval")
    .description("Text-to-video (or video-to-text) retrieval: R@1, R@5, R@10, median and mean rank")
    .requiredOption("--similarity <file>", ".npy [queries, candidates]; higher is closer")
    .option("--truth <file>", "line i: the relevant columns of row i (default: column i)")
    .addHelpText("after", "\nExample:\n  videoclip eval retrieval --similarity scores.npy --bootstrap 1000");
  return withRanking(command).action(async (flags: RetrievalFlags) =>
    print(await scoreRetrieval(flags.similarity, flags.truth, ranking(flags)), flags.json),
  );
}

/** Datasets whose captions are the queries of a retrieval among their clips. */
const RETRIEVAL = [
  { name: "msrvtt", truth: "MSRVTT_JSFUSION_test.csv: the 1k test" },
  {
    name: "youcook2",
    truth: "youcookii_annotations_trainval.json: the clips of the validation videos",
    subset: "validation",
  },
  { name: "jsonl", truth: "lines {video or features, start, end, text}" },
];

function captions({ name, truth, subset }: (typeof RETRIEVAL)[number]): Command {
  const example = `--truth ${truth.split(":")[0].replace(/^lines.*/, "clips.jsonl")} --predictions scores.npy`;
  const command = new Command(name)
    .description("Text-to-video retrieval: every caption among the clips of all captions")
    .requiredOption("--truth <file>", `the dataset: ${truth}`)
    .requiredOption("--predictions <file>", ".npy [captions, clips] in the order of the dataset; higher is closer")
    .addHelpText("after", `\nExample:\n  videoclip eval ${name} ${example} --model videoclip/ --features features/`);
  return withRanking(withModel(command)).action(async (flags: RankingFlags & BenchmarkFlags) => {
    const read = () => captionsOf(datasetFormat(name)!.read(flags.truth, { skips: new Skips(0), subset }));
    if (flags.model !== undefined) {
      const done = await usingModel(flags, async (options) => {
        const pairs = await read();
        const scores = await predictRetrieval(pairs, options);
        writeDurably(flags.predictions, npyBytes(scores, [pairs.length, pairs.length], "f32"));
        return true;
      });
      if (!done) return;
    }
    const metrics = await scoreRetrieval(flags.predictions, undefined, ranking(flags));
    print(metrics, flags.json);
    await writeReport(flags, async () => {
      const pairs = await read();
      const { values, shape } = readSimilarity(flags.predictions);
      if (shape.join() !== `${pairs.length},${pairs.length}`) {
        throw new InvalidArgumentError(
          `--predictions: expected [${pairs.length}, ${pairs.length}], as ${flags.truth} has captions, received [${shape.join(", ")}]`,
          { argument: "predictions", expected: pairs.length, received: shape },
        );
      }
      return {
        title: `Text-to-video retrieval, ${name}`,
        metrics,
        curves: [recallCurve(values, shape, flags.ties)],
        matrix: { values, shape },
        examples: retrievalExamples(pairs, values),
      };
    });
  });
}

/** R@k for k up to 100. */
function recallCurve(values: ArrayLike<number>, shape: readonly [number, number], ties: Ties): Curve {
  const at = Array.from({ length: Math.min(100, shape[1]) }, (_, i) => i + 1);
  const metrics = retrievalMetrics(values, shape, { ties, at });
  return { name: "Recall at k", axis: "k", points: at.map((k) => [k, metrics[`R@${k}`]]) };
}

/** `videoclip eval TASK`: scores predictions, of this package or of others. */
export function evalCommand(): Command {
  const command = new Command("eval").description("Score predictions, or a model, on a benchmark");
  command.addCommand(retrieval());
  for (const dataset of RETRIEVAL) command.addCommand(captions(dataset));
  for (const task of BENCHMARKS) command.addCommand(benchmark(task));
  return command;
}
