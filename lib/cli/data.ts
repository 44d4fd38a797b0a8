import { Argument, Command } from "commander";
import { checkDataset } from "../data/check.js";
import { DATASET_FORMATS, type DatasetFormat, datasetFormat } from "../data/formats.js";
import { packDataset, type PackManifest } from "../data/pack.js";
import { Skips } from "../data/skips.js";
import { listedRecords, readVideoList } from "../data/video_list.js";
import { InvalidArgumentError } from "../errors.js";
import { WordPieceTokenizer } from "../text/wordpiece.js";
import { type FeatureFlags, openFeatures, withFeatures } from "./features.js";
import { collect } from "./classify.js";
import { table } from "./eval/index.js";
import { interruptible } from "./interrupt.js";
import { positive, whole } from "./options.js";

/** What both commands take. */
interface DataFlags extends FeatureFlags {
  subset?: string;
  limit: number;
  deduplicate: boolean;
  only: string[];
  except: string[];
  json?: boolean;
  quiet?: boolean;
}

type CheckFlags = DataFlags;

interface PackFlags extends DataFlags {
  features: string;
  tokenizer: string;
  out: string;
  captionTokens?: number;
  shardMegabytes: number;
}

const FORMATS = DATASET_FORMATS.map(({ name, file }) => `  ${name.padEnd(14)} ${file}`).join("\n");

/** The names in all lists, or undefined without any. */
async function namesIn(lists: readonly string[]): Promise<ReadonlySet<string> | undefined> {
  if (lists.length === 0) return undefined;
  return new Set((await Promise.all(lists.map(readVideoList))).flatMap((names) => [...names]));
}

function dataset(name: string, description: string): Command {
  return withFeatures(new Command(name))
    .description(description)
    .addArgument(new Argument("<format>", "which dataset").choices(DATASET_FORMATS.map((format) => format.name)))
    .argument("<file>", "its file, as published (.gz too)")
    .option("--subset <name>", "only videos of it (YouCook2, COIN)")
    .option(
      "--only <list>",
      "only videos of this list (csv with video_id, or a name a line); may be repeated",
      collect,
      [],
    )
    .option("--except <list>", "no videos of this list; may be repeated", collect, [])
    .option("--limit <n>", "stop when more than this many items are left out", whole, 1000)
    .option("--no-deduplicate", "keep what rolling captions repeat (HowTo100M)")
    .option("--json", "one JSON object on stdout")
    .option("--quiet", "no progress")
    .addHelpText("after", `\nFormats and the files they are read from:\n${FORMATS}\n\nNothing is downloaded.`);
}

/** The format, and what is read of it. @throws InvalidArgumentError for an option that the format does not have */
async function opened(name: string, { subset, deduplicate, limit, ...lists }: DataFlags) {
  const found = datasetFormat(name)!;
  const [only, except] = [await namesIn(lists.only), await namesIn(lists.except)];
  const read: DatasetFormat["read"] = (file, options) => listedRecords(found.read(file, options), { only, except });
  const format: DatasetFormat = { ...found, read };
  const given = { subset: subset !== undefined, deduplicate: !deduplicate };
  for (const option of ["subset", "deduplicate"] as const) {
    if (!given[option] || format.takes?.includes(option)) continue;
    const flag = option === "subset" ? "--subset" : "--no-deduplicate";
    throw new InvalidArgumentError(`${flag}: ${name} has no such option`, { argument: flag, received: name });
  }
  return { format, options: { skips: new Skips(limit), subset, deduplicate } };
}

type Skipped = { reason: string; count: number; first: string }[];

function print({ skipped, ...numbers }: object & { skipped: Skipped }, json: boolean | undefined): void {
  if (json) process.stdout.write(`${JSON.stringify({ ...numbers, skipped })}\n`);
  else {
    const lines = skipped.map(({ reason, count, first }) => `left out: ${count} x ${reason} (first: ${first})`);
    process.stdout.write(`${[table(numbers), ...lines].join("\n")}\n`);
  }
}

function check(): Command {
  return dataset("check", "Read a dataset through: what is in it, what is missing or broken")
    .option("--features <folder>", "also read the features of every video")
    .action(async (name: string, file: string, flags: CheckFlags) => {
      const { format, options } = await opened(name, flags);
      let next = 100_000;
      const onProgress = (videos: number) => {
        if (flags.quiet || videos < next) return;
        process.stderr.write(`${videos.toLocaleString("en")} videos read\n`);
        next += 100_000;
      };
      await interruptible("nothing was written", async (signal) => {
        const features = flags.features ? await openFeatures(flags.features, flags, signal) : undefined;
        print(await checkDataset(format, file, { ...options, features, onProgress, signal }), flags.json);
        features?.dispose?.();
      });
    });
}

function pack(): Command {
  return dataset("pack", "Pack features and tokenised captions into shards that training reads by position")
    .requiredOption("--features <folder>", "features of the videos, one .npy each, a row per second")
    .requiredOption("--tokenizer <path>", "vocab.txt, tokenizer.json, or a folder with one")
    .requiredOption("--out <folder>", "where to write; a stopped run goes on there")
    .option("--caption-tokens <n>", "most tokens kept of a caption (default: all)", positive)
    .option("--shard-megabytes <n>", "size of a shard", positive, 128)
    .action(async (name: string, file: string, flags: PackFlags) => {
      const { format, options } = await opened(name, flags);
      const { subset, deduplicate, only, except, captionTokens, out, shardMegabytes } = flags;
      const tokenizer = WordPieceTokenizer.load(flags.tokenizer);
      await interruptible("the shards so far are whole; run it again to go on", async (signal) => {
        const features = await openFeatures(flags.features, flags, signal);
        const manifest = await packDataset(format.read(file, { ...options, signal }), out, {
          features,
          tokenise: (texts) => texts.map((text) => tokenizer.encode(text, { specialTokens: false }).ids),
          source: {
            dataset: name,
            file,
            subset,
            deduplicate,
            only,
            except,
            captionTokens,
            features: flags.features,
            s3dFc: flags.s3dFc,
            videoModel: flags.videoModel,
            tokenizer: flags.tokenizer,
          },
          skips: options.skips,
          captionTokens,
          shardBytes: shardMegabytes * 2 ** 20,
          signal,
          onProgress: ({ read, videos, shards }) => {
            if (!flags.quiet) process.stderr.write(`shard ${shards}: ${videos} videos of ${read} read\n`);
          },
        });
        print(packReport(out, manifest), flags.json);
        features.dispose?.();
      });
    });
}

function packReport(out: string, { shards, skipped }: PackManifest) {
  const sum = (key: "videos" | "rows" | "captions" | "tokens") => shards.reduce((n, shard) => n + shard[key], 0);
  const [videos, seconds, captions, tokens] = [sum("videos"), sum("rows"), sum("captions"), sum("tokens")];
  return { out, shards: shards.length, videos, seconds, captions, tokens, skipped };
}

/** `videoclip data`: reads published datasets from files that the user has. */
export function dataCommand(): Command {
  return new Command("data").description("Read, check and pack datasets").addCommand(check()).addCommand(pack());
}
