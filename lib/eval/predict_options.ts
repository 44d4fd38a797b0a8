import type { FeatureSource } from "../data/feature_source.js";
import { DatasetError } from "../base/errors.js";
import { writeDurably } from "../base/files.js";
import type { VideoClip } from "../models/videoclip/videoclip.js";
import { readFeatures, type VideoFeatures } from "../models/videoclip/videoclip_input.js";

/** Options of every prediction with a model. */
export interface PredictOptions {
  model: VideoClip;
  features: FeatureSource;
  /**
   * A file for the names of videos without features, one per line, which are left out. Without this option such a video
   * is an error.
   */
  leftOut?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Called with the number of finished videos (or pairs) and the total. */
  onProgress?: ((progress: { done: number; total: number }) => void) | undefined;
}

/**
 * The items whose videos have features, if others may be left out. Names of the others are written to `leftOut`, a list
 * for `except` when the predictions are scored.
 * @throws DatasetError when no item has features
 */
export function itemsWithFeatures<T>(
  items: readonly T[],
  videoOf: (item: T) => string,
  { features, leftOut }: Pick<PredictOptions, "features" | "leftOut">,
): readonly T[] {
  if (leftOut === undefined) return items;
  const found = items.filter((item) => features.has(videoOf(item)));
  if (found.length === 0) checkFeatures(items.map(videoOf), features);
  const missing = new Set(items.map(videoOf).filter((video) => !features.has(video)));
  writeDurably(leftOut, [...missing].map((video) => `${video}\n`).join(""));
  return found;
}

/**
 * Makes a prediction for each item in turn, from the features of its video, which are read once for consecutive items.
 * @throws DatasetError unless all videos have features: results without some videos cannot be compared
 */
export async function predictEach<T, R>(
  items: readonly T[],
  videoOf: (item: T) => string,
  options: PredictOptions,
  predict: (item: T, video: VideoFeatures) => Promise<R> | R,
): Promise<R[]> {
  const { features, signal, onProgress } = options;
  checkFeatures(items.map(videoOf), features);
  const results: R[] = [];
  let last: { name: string; video: VideoFeatures } | undefined;
  for (const item of items) {
    signal?.throwIfAborted();
    const name = videoOf(item);
    if (last?.name !== name) last = { name, video: await featuresOf(name, options) };
    results.push(await predict(item, last.video));
    onProgress?.({ done: results.length, total: items.length });
  }
  return results;
}

function checkFeatures(videos: readonly string[], features: FeatureSource): void {
  const all = new Set(videos);
  const missing = [...all].filter((video) => !features.has(video));
  if (missing.length === 0) return;
  throw new DatasetError(
    "ERR_MISSING_FEATURES",
    `${features.folder}: ${missing.length} of ${all.size} videos have no features: ${missing.slice(0, 3).join(", ")}${missing.length > 3 ? " ..." : ""}`,
    { file: features.folder, expected: all.size, received: all.size - missing.length },
  );
}

/** Features of a video for the model. @throws InvalidArgumentError for another width */
async function featuresOf(video: string, { model, features }: PredictOptions): Promise<VideoFeatures> {
  return readFeatures(await features.read(video), 0, model.config);
}
