import { statSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { DatasetError, InvalidArgumentError } from "../base/errors.js";
import { type FeatureFailure, FeatureFailures } from "../features/feature_failures.js";
import { checkOutput, type ExportedFile, writeFolder } from "./export_output.js";
import type { ExportFacts, ExportFormat } from "./format.js";
import { exportFormat, type ExportFormatName } from "./formats.js";
import { StoredFeatures } from "./stored_features.js";
import { type FeatureType, StoredVideo } from "./stored_video.js";

export interface ExportFeaturesOptions {
  to: ExportFormatName;
  /** The file or the folder of the export. */
  out: string;
  /**
   * Type of the exported values. Default: f32; with `webdataset` and `npz` that of the features. f16 is rounded to
   * nearest even.
   */
  dtype?: FeatureType | undefined;
  /** Bytes of a file of `webdataset` and `clip-retrieval` at most. Default: 2^30. */
  shardBytes?: number | undefined;
  /** Replace an export of this name. */
  force?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: { videos: number; rows: number; total: number }) => void) | undefined;
  /** Called with a sentence when records are indexed first, which takes a while. */
  onNote?: ((note: string) => void) | undefined;
  /** Called for each video that is left out because its features cannot be used. */
  onFailure?: ((failure: FeatureFailure) => void) | undefined;
}

export interface ExportSummary {
  to: ExportFormatName;
  out: string;
  videos: number;
  /** One for each clip. */
  rows: number;
  dim: number;
  /** Number of videos that were left out because their features cannot be used, if any. */
  failures?: number | undefined;
  files: ExportedFile[];
  seconds: number;
}

/** Bytes of a shard unless the caller chooses. */
const SHARD_BYTES = 2 ** 30;
/** Milliseconds of work after which timers and signals have their turn. */
const TURN = 50;

/**
 * Exports the current features of a folder (of an extraction, or of plain `.npy` files) into a format of other
 * programs. Equal features give equal files, byte for byte, whatever worker extracted them and in whatever order: rows
 * are sorted by path and clip, and nothing depends on the time or the machine. The memory does not grow with the number
 * of rows.
 * @throws InvalidArgumentError for an output that exists or options that the format does not have; DatasetError
 * `ERR_FEATURES` for features of different settings or widths and for folders without any; VideoClipError `ERR_WRITE`;
 * the signal's reason. Nothing is left of the output then.
 */
export async function exportFeatures(folder: string, options: ExportFeaturesOptions): Promise<ExportSummary> {
  const { to, out, shardBytes = SHARD_BYTES, force = false, signal } = options;
  const started = Date.now();
  const format = exportFormat(to);
  const dtype = chooseType(to, format, options.dtype);
  if (options.shardBytes !== undefined && !format.sharded) {
    throw new InvalidArgumentError(`shardBytes: ${to} is one file`, { argument: "shardBytes" });
  }
  if (!Number.isSafeInteger(shardBytes) || shardBytes < 1) {
    throw new InvalidArgumentError(`shardBytes: expected a positive integer, received ${shardBytes}`, { argument: "shardBytes" }); // prettier-ignore
  }
  checkOutput(out, folder, format, force);
  signal?.throwIfAborted();
  const stored = await StoredFeatures.open(folder, options);
  const failures = new FeatureFailures(options.onFailure);
  const done = { videos: 0, rows: 0 };
  const videos = usable(stored, dtype, failures, done, options);
  try {
    const first = await videos.next();
    if (first.done) throw failures.list[0].error; // there are features, but none can be used
    const { dim } = first.value;
    const facts: ExportFacts = { settings: stored.settings, dim, dtype, shardBytes, countRows: () => stored.countRows() }; // prettier-ignore
    const write = (path: string) => format.write(path, behind(first, videos), facts);
    const marker = () => ({
      format: "videoclip-export",
      version: 1,
      to,
      dim,
      dtype,
      settings: stored.settings,
      ...done,
    });
    const files =
      format.kind === "folder" ? await writeFolder(out, write, marker) : await writeFile(out, format, write);
    const seconds = (Date.now() - started) / 1000;
    return { to, out, ...done, dim, ...failures.count(), files, seconds };
  } finally {
    await videos.return(undefined);
    stored.close();
  }
}

/**
 * Checks, before there are features, that an export of a folder may be written.
 * @throws InvalidArgumentError for an output that exists and for one in the folder
 */
export function checkExport(
  folder: string,
  { to, out, force = false }: Pick<ExportFeaturesOptions, "to" | "out" | "force">,
): void {
  checkOutput(out, folder, exportFormat(to), force);
}

/** The type of the exported values; undefined: that of each file. @throws InvalidArgumentError */
function chooseType(to: string, { dtypes }: ExportFormat, wanted: FeatureType | undefined): FeatureType | undefined {
  const type = wanted ?? dtypes[0];
  if (!dtypes.includes(type)) {
    const expected = dtypes.filter((one) => one !== "stored");
    const message = `dtype: ${to} has ${expected.join(" or ")}, received ${type}`;
    throw new InvalidArgumentError(message, { argument: "dtype", expected, received: type });
  }
  return type === "stored" ? undefined : type;
}

async function writeFile(
  out: string,
  format: ExportFormat,
  write: (path: string) => Promise<void>,
): Promise<ExportedFile[]> {
  await write(out);
  return [out, ...(format.beside?.(out) ?? [])].map((name) => ({ name, bytes: statSync(name).size }));
}

/** The videos whose features can be exported, in order; the others are failures. */
async function* usable(
  stored: StoredFeatures,
  dtype: FeatureType | undefined,
  failures: FeatureFailures,
  done: { videos: number; rows: number },
  { signal, onProgress }: ExportFeaturesOptions,
): AsyncGenerator<StoredVideo> {
  let first: StoredVideo | undefined;
  let last = Date.now();
  for (const video of stored.inOrder()) {
    if (Date.now() - last > TURN) {
      await turn();
      last = Date.now();
    }
    signal?.throwIfAborted();
    if (!(video instanceof StoredVideo)) {
      failures.add(video);
      continue;
    }
    const fits = failures.attempt(video.path, () => {
      checkWidth(video, stored.dim);
      video.checkRange(dtype ?? video.stored);
      return true;
    });
    if (!fits) continue;
    first ??= video;
    if (first.dim !== video.dim) {
      const message = `${stored.folder}: features of different widths: ${first.path} has ${first.dim} values, ${video.path} ${video.dim}; an export has one width`;
      throw new DatasetError("ERR_FEATURES", message, {
        file: stored.folder,
        expected: first.dim,
        received: video.dim,
      });
    }
    yield video;
    done.videos++;
    done.rows += video.clips;
    onProgress?.({ ...done, total: stored.videos });
  }
}

/** @throws DatasetError when the features have another width than their record says */
function checkWidth({ path, dim }: StoredVideo, expected: number | undefined): void {
  if (expected === undefined || dim === expected) return;
  const message = `${path}: its features have ${dim} values, its record says ${expected}`;
  throw new DatasetError("ERR_FEATURES", message, { expected, received: dim });
}

/** An iterator with its first result put back. */
async function* behind<T>(first: IteratorYieldResult<T>, others: AsyncGenerator<T>): AsyncGenerator<T> {
  yield first.value;
  yield* others;
}
