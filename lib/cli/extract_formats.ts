import { InvalidArgumentError as InvalidOption } from "commander";
import { isAddress } from "../base/addresses.js";
import { InvalidArgumentError } from "../base/errors.js";
import { checkExport, exportFeatures } from "../export/export_features.js";
import { EXPORT_FORMATS, exportBeside, type ExportFormatName } from "../export/formats.js";
import { exportReporting, finishExport } from "./features_export.js";

/** Options of `videoclip extract` that its exports depend on. */
interface Flags {
  out: string;
  format?: readonly ExportFormatName[] | undefined;
  shard?: string | undefined;
  resume?: boolean | undefined;
  retryFailed?: boolean | undefined;
  json?: boolean | undefined;
  quiet?: boolean | undefined;
}

/** An export that follows an extraction. */
interface PlannedExport {
  to: ExportFormatName;
  out: string;
  force: boolean;
}

/** Collects the names of `--format`, repeated or separated by commas, each once. */
export function collectFormats(text: string, before: readonly ExportFormatName[] = []): ExportFormatName[] {
  const names = text.split(",").map((name) => name.trim());
  const wrong = names.find((name) => !(EXPORT_FORMATS as string[]).includes(name));
  if (wrong !== undefined) throw new InvalidOption(`Allowed choices are ${EXPORT_FORMATS.join(", ")}.`);
  return [...new Set([...before, ...(names as ExportFormatName[])])];
}

/**
 * The exports that follow an extraction. An extraction that goes on replaces those of the one before.
 * @throws InvalidArgumentError, before any video is read, where one cannot be written
 */
export function planExports({ out, format = [], shard, resume, retryFailed }: Flags): PlannedExport[] {
  if (shard !== undefined && format.length > 0) {
    const message =
      "--format: a shard is not the whole extraction; run videoclip features export when all shards are done";
    throw new InvalidArgumentError(message, { argument: "format", received: format });
  }
  if (isAddress(out) && format.length > 0) {
    const message = `--format: ${out} is not a folder of this machine; copy it to one when the extraction is complete, and run videoclip features export`;
    throw new InvalidArgumentError(message, { argument: "format", received: format });
  }
  const force = resume === true || retryFailed === true;
  return format.map((to) => {
    const planned = { to, out: exportBeside(out, to), force };
    checkExport(out, planned);
    return planned;
  });
}

/** Exports the features of a complete extraction. */
export async function runExport(flags: Flags, planned: PlannedExport, signal: AbortSignal): Promise<void> {
  const summary = await exportFeatures(flags.out, { ...planned, ...exportReporting(flags), signal });
  if (flags.json) process.stdout.write(`${JSON.stringify({ event: "export", ...summary })}\n`);
  finishExport(summary, flags);
}
