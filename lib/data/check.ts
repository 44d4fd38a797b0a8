import { VideoClipError } from "../base/errors.js";
import type { FeatureSource } from "./feature_source.js";
import type { DatasetFormat, DatasetOptions } from "./formats.js";
import { readDataset, type ReadDatasetOptions } from "./read_dataset.js";
import type { VideoRecord } from "./record.js";

export interface DatasetReport {
  videos: number;
  captions: number;
  /** Mean number of captions per video. */
  captionsPerVideo: number;
  /** Mean seconds of a caption, over captions with an end. */
  captionSeconds: number;
  wordsPerCaption: number;
  /** Number of videos that occur twice. */
  repeated: number;
  /** If features are read: number of videos that have them, and total number of rows. */
  features?: { found: number; rows: number; width: number } | undefined;
  skipped: { reason: string; count: number; first: string }[];
}

export interface CheckDatasetOptions extends ReadDatasetOptions {
  /** Also find and read the features of every video. */
  features?: FeatureSource | undefined;
  /** Called after each video with the number of videos so far. */
  onProgress?: ((videos: number) => void) | undefined;
}

/**
 * Reads a whole dataset and summarises it, like `videoclip data check`.
 * @param format one of {@link DATASET_FORMATS}, or its name @param file its file, as published
 * @throws DatasetError when more records are left out than `options.skips` allows
 */
export async function checkDataset(
  format: DatasetFormat | string,
  file: string,
  { features, onProgress, ...options }: CheckDatasetOptions,
): Promise<DatasetReport> {
  const { skips, signal } = options;
  const seen = new Set<string>();
  let [videos, captions, seconds, timed, words, repeated, found, rows, width] = new Array<number>(9).fill(0);
  for await (const record of readDataset(format, file, options)) {
    signal?.throwIfAborted();
    videos++;
    if (seen.has(record.video)) repeated++;
    seen.add(record.video);
    for (const { start, end, text } of record.captions) {
      captions++;
      words += text.split(" ").length;
      if (end >= Number.MAX_SAFE_INTEGER) continue;
      seconds += end - start;
      timed++;
    }
    if (record.captions.length === 0) skips.add("a video without captions", `${file}: ${record.video}`);
    if (features) {
      const read = await readOrSkip(record, features, options);
      found += read ? 1 : 0;
      rows += read?.shape[0] ?? 0;
      width = read?.shape[1] ?? width;
    }
    onProgress?.(videos);
  }
  return {
    videos,
    captions,
    captionsPerVideo: captions / videos,
    captionSeconds: seconds / timed,
    wordsPerCaption: words / captions,
    repeated,
    ...(features ? { features: { found, rows, width } } : {}),
    skipped: skips.report(),
  };
}

/** Features of a video; missing or broken ones are counted and left out. */
export async function readOrSkip(
  record: VideoRecord,
  features: FeatureSource,
  { skips }: Pick<DatasetOptions, "skips">,
) {
  try {
    return await features.read(record.video);
  } catch (error) {
    if (!(error instanceof VideoClipError)) throw error;
    const reason = {
      ERR_MISSING_FEATURES: "a video without features",
      ERR_BAD_FEATURES: "features that are not finite",
    };
    skips.add(reason[error.code as keyof typeof reason] ?? "features that cannot be read", error.message);
    return undefined;
  }
}
