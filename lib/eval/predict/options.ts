import type { FeatureSource } from "../../data/feature_source.js";
import { DatasetError } from "../../errors.js";
import type { VideoClip } from "../../models/videoclip.js";
import { readFeatures, type VideoFeatures } from "../../models/videoclip_input.js";

/** What every prediction with a model takes. */
export interface PredictOptions {
  model: VideoClip;
  features: FeatureSource;
  signal?: AbortSignal;
  /** Videos (or pairs) that are done, of how many. */
  onProgress?: (progress: { done: number; total: number }) => void;
}

/** @throws DatasetError unless all videos have features: a benchmark without some of its videos is another benchmark */
export function checkFeatures(videos: Iterable<string>, features: FeatureSource): void {
  const all = new Set(videos);
  const missing = [...all].filter((video) => !features.has(video));
  if (missing.length === 0) return;
  throw new DatasetError(
    "ERR_MISSING_FEATURES",
    `${features.folder}: ${missing.length} of ${all.size} videos have no features: ${missing.slice(0, 3).join(", ")}${missing.length > 3 ? " ..." : ""}`,
    { file: features.folder, expected: all.size, received: all.size - missing.length },
  );
}

/** Features of a video as the model takes them. @throws InvalidArgumentError for another width */
export async function featuresOf(video: string, { model, features }: PredictOptions): Promise<VideoFeatures> {
  const { data, rows, width } = await features.read(video);
  return readFeatures({ data, shape: [rows, width] }, 0, model.config);
}

/** Rows `[start, end)` of features, inside the video and at least one. */
export function clipOf({ data, shape: [rows, width] }: VideoFeatures, start: number, end: number): VideoFeatures {
  const first = Math.min(Math.max(0, Math.floor(start)), rows - 1);
  const last = Math.max(first + 1, Math.min(Math.ceil(end), rows));
  return { data: data.slice(first * width, last * width), shape: [last - first, width] };
}
