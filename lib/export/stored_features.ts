import { basename } from "node:path";
import { compareText } from "../base/compare_text.js";
import { DatasetError, VideoClipError } from "../base/errors.js";
import { isWellFormed } from "../base/text_encoding.js";
import { entryOf, type ManifestEntry } from "../records/feature_manifest.js";
import { type ExtractedFeatures, readFeatureFolders, spaceOf, type VideoFeatureFile } from "../features/extracted_features.js"; // prettier-ignore
import { brokenFailures, type FeatureFailure } from "../features/feature_failures.js";
import { npyShape } from "../weights/read_npy.js";
import { StoredVideo, type VideoFacts } from "./stored_video.js";

/** The current features of an extraction, or of a plain folder of `.npy` files, in the order of their paths. */
export class StoredFeatures {
  /** Settings that define the space of the features; empty without a manifest. */
  readonly settings: Record<string, unknown>;
  /** Width of the features; undefined without a manifest. */
  readonly dim: number | undefined;
  /** Number of videos with features. */
  readonly videos: number;
  readonly #features: ExtractedFeatures;

  private constructor(
    readonly folder: string,
    features: ExtractedFeatures,
  ) {
    this.#features = features;
    const { files, settings } = features;
    this.settings = spaceOf(settings);
    this.dim = typeof settings.dim === "number" ? settings.dim : undefined;
    this.videos = files.length;
  }

  /**
   * @throws DatasetError `ERR_FEATURES` for folders without features, or with different settings; InvalidArgumentError
   */
  static async open(folder: string): Promise<StoredFeatures> {
    const features = readFeatureFolders([folder]);
    const paths = new Map(features.files.map((file) => [file, pathOf(file)]));
    features.files.sort((a, b) => compareText(paths.get(a)!, paths.get(b)!));
    return new StoredFeatures(folder, features);
  }

  /** Number of rows by the manifest, or by the headers of the files. */
  countRows(): number {
    return this.#features.files.reduce((sum, { record, file }) => sum + (record?.clips ?? headerRows(file)), 0);
  }

  /**
   * The videos in order, each open until the next one is taken, and the features that cannot be used. The order is that
   * of the paths as UTF-8, whatever made the records and in whatever order.
   */
  *inOrder(): Generator<StoredVideo | FeatureFailure> {
    yield* brokenFailures(this.#features.broken);
    for (const file of this.#features.files) {
      const opened = open(file);
      try {
        yield opened;
      } finally {
        if (opened instanceof StoredVideo) opened.close();
      }
    }
  }
}

function open(file: VideoFeatureFile): StoredVideo | FeatureFailure {
  try {
    return StoredVideo.open(file, factsOf(file));
  } catch (error) {
    if (error instanceof VideoClipError) return { video: file.video, error };
    throw error;
  }
}

/** The path in the record; the name without a manifest, where the place of the folder says nothing about the videos. */
const pathOf = ({ record, file }: VideoFeatureFile): string => record?.path ?? basename(file).replace(/\.npy$/i, "");

function factsOf(file: VideoFeatureFile): VideoFacts {
  const path = pathOf(file);
  // other formats hold texts of UTF-8, and some no zeros: another path would be stored
  if (!isWellFormed(path) || path.includes("\0")) {
    const message = `${file.file}: its path ${JSON.stringify(path)} is no name of a file`;
    throw new DatasetError("ERR_FEATURES", message, { file: file.file });
  }
  if (!file.record) return { path };
  let entry: ManifestEntry;
  try {
    entry = entryOf(file.record);
  } catch (cause) {
    const message = `${file.file}: its record in the manifest cannot be read again`;
    throw new DatasetError("ERR_FEATURES", message, { file: file.file, cause });
  }
  const { duration, partial, timestamps } = entry;
  return { path, duration: Number.isFinite(duration) ? duration : undefined, partial, timestamps };
}

/** Rows of a file, or none where it is broken. */
function headerRows(file: string): number {
  try {
    return npyShape(file)[0] ?? 0;
  } catch (error) {
    if (error instanceof VideoClipError) return 0;
    throw error;
  }
}
