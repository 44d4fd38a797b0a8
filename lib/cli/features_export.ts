import { Argument, Command, Option } from "commander";
import { exportFeatures, type ExportSummary } from "../export/export_features.js";
import { EXPORT_FORMATS, type ExportFormatName } from "../export/formats.js";
import type { FeatureType } from "../export/stored_video.js";
import { interruptible } from "./interrupt.js";
import { failureReporter, plainProgress, positive } from "./options.js";

interface Flags {
  to: ExportFormatName;
  out: string;
  dtype?: FeatureType;
  shardBytes?: number;
  force?: boolean;
  json?: boolean;
  quiet?: boolean;
}

/** `videoclip features export`: features in a format of other programs. */
export const featuresExport = (): Command =>
  new Command("export")
    .description("Write features as files of other programs; equal features give equal files")
    .addArgument(
      new Argument("<folder>", "folder that videoclip extract wrote, or a folder of .npy files [clips, dim]"),
    )
    .addOption(new Option("--to <format>", "format of the files").choices(EXPORT_FORMATS).makeOptionMandatory())
    .requiredOption("--out <path>", "the file to write; a folder for webdataset and clip-retrieval")
    .addOption(
      new Option("--dtype <t>", "type of the values; default: f32, that of the features in webdataset and npz").choices(
        ["f16", "f32"],
      ),
    )
    .option("--shard-bytes <n>", "bytes of a file of webdataset and clip-retrieval at most; default: 2^30", positive)
    .option("--force", "replace an export of this name")
    .option("--json", "the summary as one JSON object on stdout")
    .option("--quiet", "no progress")
    .addHelpText("after", "\nExample:\n  videoclip features export features/ --to parquet --out features.parquet")
    .action((folder: string, flags: Flags) =>
      interruptible("nothing was written", (signal) => run(folder, flags, signal)),
    );

async function run(folder: string, flags: Flags, signal: AbortSignal): Promise<void> {
  const summary = await exportFeatures(folder, { ...flags, ...exportReporting(flags), signal });
  if (flags.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  finishExport(summary, flags);
}

/** Callbacks that print the progress of an export and the features that are left out. */
export const exportReporting = ({ quiet }: { quiet?: boolean | undefined }) => ({
  onProgress: plainProgress(quiet, ({ videos, total, rows }) => `${videos}/${total} videos, ${rows} rows`),
  onFailure: failureReporter(quiet),
});

/** Prints what was exported, and sets the exit code when something was left out. */
export function finishExport(summary: ExportSummary, { quiet }: { quiet?: boolean | undefined }): void {
  const { videos, rows, failures, files, out, seconds } = summary;
  if (failures) process.exitCode = 1;
  if (quiet) return;
  if (failures) process.stderr.write(`${failures} videos were left out\n`);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const size = `${files.length} ${files.length === 1 ? "file" : "files"}, ${bytes} bytes`;
  process.stderr.write(`${rows} rows of ${videos} videos in ${out} (${size}) in ${seconds.toFixed(1)} s\n`);
}
