import { InvalidArgumentError } from "../errors.js";
import type { VideoClip } from "../models/videoclip.js";
import { type ExtractedFeatures, readFeatureFile, type VideoFeatureFile } from "./extracted_features.js";
import type { IndexedVideo } from "./index_writer.js";

export interface WindowOptions {
  /** Features that one row is made from, at most the model's `maxVideoLength`. Default 16. */
  window?: number | undefined;
  /** Features between the starts of two windows. Default: half a window. */
  hop?: number | undefined;
}

export interface EmbedFolderOptions extends WindowOptions {
  /** The model that embeds the features; without one, every feature is a row as it is. */
  model?: VideoClip | undefined;
  /** Seconds between features, for folders without a manifest. */
  seconds?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Videos that are left out, without being read. */
  skip?: ((video: string) => boolean) | undefined;
}

/** Windows over `length` features: the last one ends with them. */
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
 * Rows for an index (or for a file) from features on disk, video by video: VideoCLIP's embeddings of overlapping windows, or the
 * features themselves.
 * @throws InvalidArgumentError for features that do not fit the model, or without timestamps
 */
export async function* embedFolder(
  folder: ExtractedFeatures,
  { model, seconds, signal, skip, ...given }: EmbedFolderOptions,
): AsyncGenerator<IndexedVideo> {
  const windows = model && resolveWindow(model, given);
  let waiting: WindowedVideo[] = [];
  let count = 0;
  for (const file of folder.files) {
    signal?.throwIfAborted();
    if (skip?.(file.video)) continue;
    const { data, shape } = readFeatureFile(file);
    const times = timesOf(file, shape[0], seconds);
    if (!model || !windows) {
      yield { video: file.video, rows: data, spans: times };
      continue;
    }
    const { featureSize } = model.config;
    if (shape[1] !== featureSize) {
      throw new InvalidArgumentError(
        `features: ${file.file}: the model takes features of ${featureSize} values, these have ${shape[1]}`,
        { argument: "features", expected: featureSize, received: shape[1] },
      );
    }
    const parts = windowsOf(shape[0], windows.window, windows.hop);
    waiting.push({ video: file.video, data, parts, times });
    count += parts.length;
    if (count < WINDOWS) continue;
    yield* embedWindows(waiting, model, signal);
    [waiting, count] = [[], 0];
  }
  if (model && waiting.length > 0) yield* embedWindows(waiting, model, signal);
}

/** Windows of several short videos that go through the model together. */
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
  signal?: AbortSignal,
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
    yield { video, rows: own, spans: parts.map(([start, end]) => [times[start][0], times[end - 1][1]]) };
    first += parts.length;
  }
}

function timesOf({ file, timestamps }: VideoFeatureFile, count: number, seconds: number | undefined) {
  if (timestamps) return timestamps;
  if (seconds === undefined || !(seconds > 0)) {
    throw new InvalidArgumentError(
      `seconds: ${file} has no manifest beside it: say how many seconds a feature stands for`,
      {
        argument: "seconds",
      },
    );
  }
  return Array.from({ length: count }, (_, i): [number, number] => [i * seconds, (i + 1) * seconds]);
}
