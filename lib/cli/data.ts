import { Argument, Command, InvalidArgumentError } from "commander";
import { checkDataset } from "../data/check.js";
import { FeatureFolder } from "../data/feature_folder.js";
import { DATASET_FORMATS, datasetFormat } from "../data/formats.js";
import { packDataset } from "../data/pack.js";
import { Skips } from "../data/skips.js";
import { loadTokenizer } from "../text/wordpiece.js";
import { table } from "./eval.js";

interface CheckFlags {
  features?: string;
  subset?: string;
  limit: number;
  deduplicate: boolean;
  json?: boolean;
  quiet?: boolean;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number");
  return value;
}

const FORMATS = DATASET_FORMATS.map(({ name, file }) => `  ${name.padEnd(14)} ${file}`).join("\n");

function check(): Command {
  return new Command("check")
    .description("Read a dataset through: what is in it, what is missing or broken")
    .addArgument(new Argument("<format>", "which dataset").choices(DATASET_FORMATS.map(({ name }) => name)))
    .argument("<file>", "its file, as published (.gz too)")
    .option("--features <folder>", "also read the features of every video")
    .option("--subset <name>", "only videos of it (YouCook2, COIN)")
    .option("--limit <n>", "stop when more than this many items are left out", whole, 1000)
    .option("--no-deduplicate", "keep what rolling captions repeat (HowTo100M)")
    .option("--json", "one JSON object on stdout")
    .option("--quiet", "no progress")
    .addHelpText("after", `\nFormats and the files they are read from:\n${FORMATS}\n\nNothing is downloaded.`)
    .action(async (name: string, file: string, flags: CheckFlags) => {
      let next = 100_000;
      const report = await checkDataset(datasetFormat(name)!, file, {
        skips: new Skips(flags.limit),
        subset: flags.subset,
        deduplicate: flags.deduplicate,
        features: flags.features ? new FeatureFolder(flags.features) : undefined,
        onProgress: (videos) => {
          if (flags.quiet || videos < next) return;
          process.stderr.write(`${videos.toLocaleString("en")} videos read\n`);
          next += 100_000;
        },
      });
      const { skipped, ...numbers } = report;
      if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
      else {
        const lines = skipped.map(({ reason, count, first }) => `left out: ${count} x ${reason} (first: ${first})`);
        process.stdout.write(`${[table(numbers), ...lines].join("\n")}\n`);
      }
    });
}

interface PackFlags {
  features: string;
  tokenizer: string;
  out: string;
  subset?: string;
  limit: number;
  deduplicate: boolean;
  captionTokens?: number;
  shardMegabytes: number;
  json?: boolean;
  quiet?: boolean;
}

function pack(): Command {
  return new Command("pack")
    .description("Pack features and tokenised captions into shards that training reads by position")
    .addArgument(new Argument("<format>", "which dataset").choices(DATASET_FORMATS.map(({ name }) => name)))
    .argument("<file>", "its file, as published (.gz too)")
    .requiredOption("--features <folder>", "features of the videos, one .npy each, a row per second")
    .requiredOption("--tokenizer <path>", "vocab.txt, tokenizer.json, or a folder with one")
    .requiredOption("--out <folder>", "where to write; a stopped run goes on there")
    .option("--subset <name>", "only videos of it (YouCook2, COIN)")
    .option("--limit <n>", "stop when more than this many items are left out", whole, 1000)
    .option("--no-deduplicate", "keep what rolling captions repeat (HowTo100M)")
    .option("--caption-tokens <n>", "most tokens kept of a caption (default: all)", whole)
    .option("--shard-megabytes <n>", "size of a shard", whole, 128)
    .option("--json", "one JSON object on stdout")
    .option("--quiet", "no progress")
    .addHelpText("after", `\nFormats and the files they are read from:\n${FORMATS}`)
    .action(async (name: string, file: string, flags: PackFlags) => {
      const tokenizer = loadTokenizer(flags.tokenizer);
      const skips = new Skips(flags.limit);
      const { subset, deduplicate, captionTokens, quiet } = flags;
      const manifest = await packDataset(datasetFormat(name)!.read(file, { skips, subset, deduplicate }), flags.out, {
        features: new FeatureFolder(flags.features),
        tokenise: (texts) => texts.map((text) => tokenizer.encode(text).ids.slice(1, -1)), // without [CLS] and [SEP]
        source: { dataset: name, file, subset, deduplicate, features: flags.features, tokenizer: flags.tokenizer },
        skips,
        captionTokens,
        shardBytes: Math.max(1, flags.shardMegabytes) * 2 ** 20,
        onProgress: ({ read, videos, shards }) => {
          if (!quiet) process.stderr.write(`shard ${shards}: ${videos} videos of ${read} read\n`);
        },
      });
      const sum = (key: "videos" | "rows" | "captions" | "tokens") => manifest.shards.reduce((n, s) => n + s[key], 0);
      const report = {
        out: flags.out,
        shards: manifest.shards.length,
        videos: sum("videos"),
        seconds: sum("rows"),
        captions: sum("captions"),
        tokens: sum("tokens"),
        skipped: manifest.skipped,
      };
      const { skipped, ...numbers } = report;
      if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
      else {
        const lines = skipped.map(({ reason, count, first }) => `left out: ${count} x ${reason} (first: ${first})`);
        process.stdout.write(`${[table(numbers), ...lines].join("\n")}\n`);
      }
    });
}

/** `videoclip data`: reads published datasets from files that the user has. */
export function dataCommand(): Command {
  return new Command("data").description("Read, check and pack datasets").addCommand(check()).addCommand(pack());
}
