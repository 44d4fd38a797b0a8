import { Command } from "commander";
import { extractToFolder } from "../features/run.js";
import { VideoEncoder } from "../models/video/video_encoder.js";
import {
  chosenEncoder,
  type ComputingFlags,
  type ExtractionFlags,
  type StorageFlags,
  withComputing,
  withExtraction,
  withStorage,
} from "./extraction_options.js";
import { EXPORT_FORMATS, type ExportFormatName } from "../export/formats.js";
import { collectFormats, planExports, runExport } from "./extract_formats.js";
import { interruptible } from "./interrupt.js";
import { ProgressReporter } from "./progress.js";

interface Flags extends ExtractionFlags, ComputingFlags, StorageFlags {
  out: string;
  shard?: string;
  resume?: boolean;
  retryFailed?: boolean;
  format?: ExportFormatName[];
  json?: boolean;
  quiet?: boolean;
}

/** `videoclip extract`: features of many videos into a folder. */
export function extractCommand(): Command {
  const command = new Command("extract")
    .description(
      "Extract one feature per clip from videos: a .npy [clips, dim] per video, manifest.jsonl, failures.jsonl",
    )
    .argument(
      "<inputs...>",
      "files, folders, globs, lists (.csv, .tsv, .jsonl, .json with a path column; .txt), s3://bucket/prefix, https://...",
    )
    .requiredOption("--out <dir>", "folder for the features, or s3://bucket/prefix");
  return withStorage(withComputing(withExtraction(command)))
    .option(
      "--shard <i/n>",
      "only every n-th video from the i-th on, 0 <= i < n; auto: by the index of a Slurm array; auto/n: of a Kubernetes Indexed Job",
    )
    .option("--resume", "go on with a folder; what is finished and did not change stays")
    .option("--retry-failed", "go on, and try failed and partial videos again")
    .option(
      "--format <names>",
      `also export the features when the extraction is complete, beside the folder: ${EXPORT_FORMATS.join(", ")} ` +
        "(several: with commas, or the option again)",
      collectFormats,
    )
    .option("--json", "events and the summary as JSON lines on stdout")
    .option("--quiet", "no progress")
    .addHelpText(
      "after",
      "\nExamples:\n  videoclip extract videos/ --model s3dg --weights s3d_howto100m.pth --out features/\n" +
        "  videoclip extract videos/ --weights s3d_howto100m.pth --out features/ --format parquet\n" +
        "\nExit code: 0 all videos done, 1 some failed (see failures.jsonl), 2 wrong usage, 130 interrupted.",
    )
    .action(runExtract);
}

async function runExtract(inputs: string[], flags: Flags): Promise<void> {
  const exports = planExports(flags);
  const encoder = await VideoEncoder.load({ ...flags, ...chosenEncoder(flags) });
  const reporter = new ProgressReporter(flags);
  try {
    await interruptible("finished videos are saved, go on with --resume", async (signal) => {
      try {
        const summary = await extractToFolder(inputs, {
          ...flags,
          encoder,
          signal,
          onProgress: (progress) => reporter.update(progress),
          onEvent: (event) => reporter.event(event),
          onNote: (note) => reporter.note(note),
        });
        reporter.finish(summary);
        if (summary.failures > 0) process.exitCode = 1;
        for (const one of exports) await runExport(flags, one, signal);
      } catch (error) {
        reporter.stop(); // stop the progress display before anything else is written
        throw error;
      }
    });
  } finally {
    encoder.dispose();
  }
}
