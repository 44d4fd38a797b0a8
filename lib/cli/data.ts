import { Argument, Command, InvalidArgumentError } from "commander";
import { checkDataset } from "../data/check.js";
import { FeatureFolder } from "../data/feature_folder.js";
import { DATASET_FORMATS, datasetFormat } from "../data/formats.js";
import { Skips } from "../data/skips.js";
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

/** `videoclip data`: reads published datasets from files that the user has. */
export function dataCommand(): Command {
  return new Command("data").description("Read and check datasets").addCommand(check());
}
