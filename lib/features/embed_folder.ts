import { InvalidArgumentError } from "../base/errors.js";
import type { VideoClip } from "../models/videoclip/videoclip.js";
import {
  checkWidth,
  type ExtractedFeatures,
  loadFeatures,
  type ReadFeatures,
  type VideoFeatureFile,
} from "./extracted_features.js";
import type { FeatureFailures } from "./feature_failures.js";
import type { IndexedVideo } from "./index_writer.js";

export interface WindowOptions {
  /** Number of features per row, at most the model's `maxVideoLength`. Default 16. */
  window?: number | undefined;
  /** Features between the starts of two windows. Default: half a window. */
  hop?: number | undefined;
}

export interface EmbedFolderOptions extends WindowOptions {
  /** The model that embeds the features; without one, every feature is a row. */
  model?: VideoClip | undefined;
  /** Seconds between features, for folders without a manifest. */
  seconds?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Selects videos to leave out; they are not read. */
  skip?: ((video: string) => boolean) | undefined;
}

/** {@link EmbedFolderOptions}, with the limits of the caller's storage. */
interface EmbedFolderWork extends EmbedFolderOptions {
  /** Width of a feature, if no model defines it. Default: that of the first feature that can be read. */
  width?: number | undefined;
  /** Largest value of a row that can be stored. Default: any finite value. */
  limit?: number | undefined;
  /** Collects the videos whose features cannot be used; without it the first one is thrown. */
  failures?: FeatureFailures | undefined;
}

/** Windows over `length` features; the last window ends with the last feature. */
export function windowsOf(length: number, window: number, hop: number): [number, number][] {
  const windows: [number, number][] = [];
  for (let start = 0; ; start += hop) {
    const end = start + window;
    if (end >= length) {
      windows.push([Math.max(0, length - window), length]);
      return windows;
    }
    windows.push([start, end]);
  }
}

/** The window and the hop with their defaults. @throws InvalidArgumentError */
export function resolveWindow(model: VideoClip, { window, hop }: WindowOptions): { window: number; hop: number } {
  const max = model.config.maxVideoLength;
  const size = window ?? Math.min(16, max);
  const step = hop ?? Math.max(1, Math.floor(size / 2));
  const check = (argument: string, value: number, limit: number) => {
    if (Number.isInteger(value) && value >= 1 && value <= limit) return;
    throw new InvalidArgumentError(`${argument}: expected 1 to ${limit} features, received ${value}`, { argument });
  };
  check("window", size, max);
  check("hop", step, size);
  return { window: size, hop: step };
}

/**
 * Rows for an index (or for a file) from features on disk, video by video: VideoCLIP's embeddings of overlapping
 * windows, or the features.
 * @throws InvalidArgumentError for features without timestamps; without `failures`, for features that do not fit the
 * model or are broken
 */
export async function* embedFolder(
  folder: ExtractedFeatures,
  { model, seconds, signal, skip, limit = Number.MAX_VALUE, failures, ...given }: EmbedFolderWork,
): AsyncGenerator<IndexedVideo> {
  const windows = model && resolveWindow(model, given);
  let waiting: WindowedVideo[] = [];
  let count = 0;
  let width = given.width;
  for (const file of folder.files) {
    signal?.throwIfAborted();
    if (skip?.(file.video)) continue;
    const load = async () => checkWidth(file, await loadFeatures(file), model?.config.featureSize, width);
    const read = failures ? await failures.attemptAsync(file.video, load) : await load();
    if (!read) continue;
    const { data, shape } = read;
    width ??= shape[1];
    const times = timesOf(file, read, seconds);
    if (!model || !windows) {
      const video = { video: file.video, rows: data, spans: times };
      if (attempt(failures, file.video, () => checkRows(video, limit))) yield video;
      continue;
    }
    const parts = windowsOf(shape[0], windows.window, windows.hop);
    waiting.push({ video: file.video, data, parts, times });
    count += parts.length;
    if (count < WINDOWS) continue;
    yield* embedWindows(waiting, model, { limit, failures, signal });
    [waiting, count] = [[], 0];
  }
  if (model && waiting.length > 0) yield* embedWindows(waiting, model, { limit, failures, signal });
}

const attempt = <T>(failures: FeatureFailures | undefined, video: string, work: () => T): T | undefined =>
  failures ? failures.attempt(video, work) : work();

function checkRows(video: IndexedVideo, limit: number): IndexedVideo {
  const wrong = video.rows.findIndex((value) => !(Math.abs(value) <= limit));
  if (wrong < 0) return video;
  const expected =
    limit === Number.MAX_VALUE ? "finite values" : `values up to ${limit} (the largest f16; f32 takes more)`;
  throw new InvalidArgumentError(`rows of ${video.video}: expected ${expected}, received ${video.rows[wrong]}`, {
    argument: "rows",
  });
}

/** Windows of several short videos that the model encodes together. */
const WINDOWS = 32;

interface WindowedVideo {
  video: string;
  data: Float32Array;
  parts: [number, number][];
  times: readonly (readonly [number, number])[];
}

async function* embedWindows(
  videos: WindowedVideo[],
  model: VideoClip,
  {
    limit,
    failures,
    signal,
  }: { limit: number; failures?: FeatureFailures | undefined; signal?: AbortSignal | undefined },
): AsyncGenerator<IndexedVideo> {
  const { featureSize, hiddenSize } = model.config;
  const windows = videos.flatMap(({ data, parts }) =>
    parts.map(([start, end]) => ({
      data: data.subarray(start * featureSize, end * featureSize),
      shape: [end - start, featureSize] as const,
    })),
  );
  const { data: rows } = await model.encodeVideo(windows, { signal });
  let first = 0;
  for (const { video, parts, times } of videos) {
    const own = rows.subarray(first * hiddenSize, (first + parts.length) * hiddenSize);
    first += parts.length;
    const spans = parts.map(([start, end]): [number, number] => [times[start][0], times[end - 1][1]]);
    const embedded = { video, rows: own, spans };
    if (attempt(failures, video, () => checkRows(embedded, limit))) yield embedded;
  }
}

function timesOf({ file }: VideoFeatureFile, { timestamps, shape }: ReadFeatures, seconds: number | undefined) {
  if (timestamps) return timestamps;
  if (seconds === undefined || !(seconds > 0)) {
    throw new InvalidArgumentError(
      `seconds: ${file} has no manifest beside it: say how many seconds a feature stands for`,
      {
        argument: "seconds",
      },
    );
  }
  return Array.from({ length: shape[0] }, (_, i): [number, number] => [i * seconds, (i + 1) * seconds]);
}
