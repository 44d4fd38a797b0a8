import { Argument, Command, Option } from "commander";
import {
  checkDataset,
  type CheckDatasetOptions,
  DATASET_FORMATS,
  datasetFormat,
  openFeatures,
  packDatasetFile,
  Skips,
} from "../data/index.js";
import { InvalidArgumentError } from "../base/errors.js";
import { packReport, print } from "./data_report.js";
import { type ListFlags, withLists } from "./eval_flags.js";
import { type FeatureFlags, withFeatures } from "./features.js";
import { interruptible } from "./interrupt.js";
import { positive, whole } from "./options.js";

/** Options of both commands. */
interface DataFlags extends FeatureFlags, ListFlags {
  subset?: string;
  limit: number;
  deduplicate: boolean | "longest" | "shortest-prefix";
  json?: boolean;
  quiet?: boolean;
}

interface PackFlags extends DataFlags {
  features: string;
  tokenizer: string;
  out: string;
  captionTokens?: number;
  captionCharacters?: number;
  lateCaptions?: boolean;
  anyWeights?: boolean;
  shardMegabytes: number;
}

const FORMATS = DATASET_FORMATS.map(({ name, file }) => `  ${name.padEnd(14)} ${file}`).join("\n");

function dataset(name: string, description: string): Command {
  const command = withFeatures(new Command(name))
    .description(description)
    .addArgument(new Argument("<format>", "which dataset").choices(DATASET_FORMATS.map((format) => format.name)))
    .argument("<file>", "its file, as published (.gz too)")
    .option("--subset <name>", "only videos of it (YouCook2, COIN)");
  return withLists(command)
    .option("--limit <n>", "stop when more than this many items are left out", whole, 1000)
    .addOption(
      new Option(
        "--deduplicate <rule>",
        "what rolling captions repeat (HowTo100M): the longest run of whole words, or MMPT's shortest prefix; default: longest",
      ).choices(["longest", "shortest-prefix"]),
    )
    .option("--no-deduplicate", "keep what rolling captions repeat (HowTo100M)")
    .option("--json", "one JSON object on stdout")
    .option("--quiet", "no progress")
    .addHelpText("after", `\nFormats and the files they are read from:\n${FORMATS}\n\nNothing is downloaded.`);
}

/** The selected part of a dataset, as library options. @throws InvalidArgumentError with the flag */
function selectionOf(format: string, { subset, deduplicate, limit, only, except }: DataFlags): CheckDatasetOptions {
  const takes = datasetFormat(format)?.takes ?? [];
  const stray = [
    subset !== undefined && !takes.includes("subset") ? "--subset" : "",
    deduplicate === false && !takes.includes("deduplicate") ? "--no-deduplicate" : "",
    typeof deduplicate === "string" && !takes.includes("deduplicate") ? "--deduplicate" : "",
  ].find((flag) => flag !== "");
  if (stray)
    throw new InvalidArgumentError(`${stray}: ${format} has no such option`, { argument: stray, received: format });
  return { skips: new Skips(limit), subset, deduplicate: deduplicate === true ? undefined : deduplicate, only, except };
}

/** The kind of the folder of `--features`. */
const featuresOf = ({ videoModel, videoWeights, randomWeights, s3dFc }: DataFlags) => ({
  videoModel,
  videoWeights,
  randomWeights,
  s3dFc,
});

function check(): Command {
  return dataset("check", "Read a dataset through: what is in it, what is missing or broken")
    .option("--features <folder>", "also read the features of every video")
    .action(async (name: string, file: string, flags: DataFlags) => {
      let next = 100_000;
      const onProgress = (videos: number) => {
        if (flags.quiet || videos < next) return;
        process.stderr.write(`${videos.toLocaleString("en")} videos read\n`);
        next += 100_000;
      };
      await interruptible("nothing was written", async (signal) => {
        const opening = { ...featuresOf(flags), signal };
        const features = flags.features === undefined ? undefined : await openFeatures(flags.features, opening);
        try {
          print(
            await checkDataset(name, file, { ...selectionOf(name, flags), features, onProgress, signal }),
            flags.json,
          );
        } finally {
          features?.dispose?.();
        }
      });
    });
}

function pack(): Command {
  return dataset("pack", "Pack features and tokenised captions into shards that training reads by position")
    .requiredOption("--features <folder>", "features of the videos, one .npy each, a row per second")
    .requiredOption("--tokenizer <path>", "vocab.txt, tokenizer.json, or a folder with one, such as the model's")
    .requiredOption("--out <folder>", "where to write; a stopped run goes on there")
    .option("--caption-tokens <n>", "most tokens kept of a caption (default: all)", positive)
    .option("--caption-characters <n>", "most characters of a caption that are tokenised (default: all)", positive)
    .option("--late-captions", "keep captions that begin behind the features, for the sampler's quirk lateCaptions")
    .option(
      "--any-weights",
      "take features of another video encoder, or of other weights, than the one in the model's folder of --tokenizer",
    )
    .option("--shard-megabytes <n>", "size of a shard", positive, 128)
    .action(async (name: string, file: string, flags: PackFlags) => {
      const {
        features,
        tokenizer,
        captionTokens,
        captionCharacters,
        lateCaptions,
        anyWeights,
        shardMegabytes,
        out,
        quiet,
      } = flags;
      await interruptible("the shards so far are whole; run it again to go on", async (signal) => {
        const manifest = await packDatasetFile(name, file, out, {
          ...selectionOf(name, flags),
          ...featuresOf(flags),
          features,
          tokenizer,
          captionTokens,
          captionCharacters,
          lateCaptions,
          anyWeights,
          shardBytes: shardMegabytes * 2 ** 20,
          signal,
          onProgress: ({ read, videos, shards }) => {
            if (!quiet) process.stderr.write(`shard ${shards}: ${videos} videos of ${read} read\n`);
          },
        });
        print(packReport(out, manifest), flags.json);
      });
    });
}

/** `videoclip data`: reads published datasets from the user's files. */
export function dataCommand(): Command {
  return new Command("data").description("Read, check and pack datasets").addCommand(check()).addCommand(pack());
}
