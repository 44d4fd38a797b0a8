import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { compareText } from "../base/compare_text.js";
import { DatasetError, InvalidArgumentError, VideoClipError } from "../base/errors.js";
import { isWellFormed } from "../base/text_encoding.js";
import { checkSettings, spaceOf } from "../features/extracted_features.js";
import { brokenFailures, type FeatureFailure } from "../features/feature_failures.js";
import { entryOf, featureFault, type ManifestEntry, type ManifestRecord } from "../records/feature_manifest.js";
import { manifestNames } from "../records/part_list.js";
import { RecordIndex, type RecordIndexOptions } from "../records/record_index.js";
import { npyShape } from "../weights/read_npy.js";
import { StoredVideo, type VideoFacts } from "./stored_video.js";

/**
 * The current features of an extraction, or of a plain folder of `.npy` files, in the order of their paths as UTF-8,
 * whatever made the records and in whatever order.
 */
export abstract class StoredFeatures {
  /** Settings that define the space of the features; empty without a manifest. */
  abstract readonly settings: Record<string, unknown>;
  /** Width of the features; undefined without a manifest. */
  abstract readonly dim: number | undefined;
  /** Number of videos. */
  abstract readonly videos: number;

  protected constructor(readonly folder: string) {}

  /**
   * @throws DatasetError `ERR_FEATURES` for folders without features, or with different settings; InvalidArgumentError;
   * the signal's reason
   */
  static async open(folder: string, options: Pick<RecordIndexOptions, "signal" | "onNote">): Promise<StoredFeatures> {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
      throw new InvalidArgumentError(`features: ${folder} is not a folder`, { argument: "features", received: folder });
    }
    if (manifestNames(folder).length === 0) return new PlainFeatures(folder);
    const index = await RecordIndex.open(folder, options);
    try {
      return new RecordedFeatures(folder, index);
    } catch (error) {
      index.close();
      throw error;
    }
  }

  /** Number of rows by the manifest, or by the headers of the files. */
  abstract countRows(): number;

  /** The videos in order, each open until the next one is taken, and the features that cannot be used. */
  *inOrder(): Generator<StoredVideo | FeatureFailure> {
    for (const one of this.found()) {
      const opened = "error" in one ? one : open(one);
      try {
        yield opened;
      } finally {
        if (opened instanceof StoredVideo) opened.close();
      }
    }
  }

  close(): void {}

  /** What there is, in order. */
  protected abstract found(): Generator<FoundVideo | FeatureFailure>;
}

/** A feature file, and how the facts about its video are read. */
interface FoundVideo {
  path: string;
  file: string;
  facts: () => VideoFacts;
}

const noFeatures = (folder: string, reason = ""): DatasetError =>
  new DatasetError("ERR_FEATURES", `${folder}: there are no features (.npy files)${reason}`, { file: folder });

/** Files without records. The name stands for the path: the place of the folder says nothing about the videos. */
class PlainFeatures extends StoredFeatures {
  readonly settings = {};
  readonly dim = undefined;
  readonly #names: string[];

  constructor(folder: string) {
    super(folder);
    this.#names = readdirSync(folder)
      .filter((name) => /\.npy$/i.test(name) && !name.startsWith("."))
      .sort((a, b) => compareText(nameOf(a), nameOf(b)));
    if (this.#names.length === 0) throw noFeatures(folder);
  }

  get videos(): number {
    return this.#names.length;
  }

  countRows(): number {
    return this.#names.reduce((sum, name) => sum + headerRows(join(this.folder, name)), 0);
  }

  protected *found(): Generator<FoundVideo> {
    for (const name of this.#names) {
      const path = nameOf(name);
      yield { path, file: join(this.folder, name), facts: () => ({ path }) };
    }
  }
}

const nameOf = (file: string): string => file.slice(0, -".npy".length);

/** Rows of a file, or none where it is broken. */
function headerRows(file: string): number {
  try {
    return npyShape(file)[0] ?? 0;
  } catch (error) {
    if (error instanceof VideoClipError) return 0;
    throw error;
  }
}

/** Features with records in manifests, which are read one after the other. */
class RecordedFeatures extends StoredFeatures {
  readonly settings: Record<string, unknown>;
  readonly dim: number | undefined;
  readonly #index: RecordIndex;

  constructor(folder: string, index: RecordIndex) {
    super(folder);
    this.#index = index;
    const [first, ...others] = index.settings;
    if (!first) {
      const broken = index.broken.first.at(0);
      throw noFeatures(folder, broken && `; ${broken.place}: ${broken.reason}`);
    }
    for (const other of others) checkSettings(folder, first, other);
    this.settings = spaceOf(first);
    this.dim = typeof first.dim === "number" ? first.dim : undefined;
  }

  get videos(): number {
    return this.#index.size;
  }

  countRows(): number {
    let rows = 0;
    for (const { clips } of this.#index.inOrder()) rows += clips;
    return rows;
  }

  override close(): void {
    this.#index.close();
  }

  protected *found(): Generator<FoundVideo | FeatureFailure> {
    const { count, first } = this.#index.broken;
    yield* brokenFailures(first);
    const reason = `${count - first.length} more lines are no records`;
    if (count > first.length) yield* brokenFailures([{ place: this.folder, reason }]);
    for (const record of this.#index.inOrder()) {
      const file = join(this.folder, record.file);
      const fault = featureFault(this.folder, record);
      if (fault !== undefined) yield* brokenFailures([{ place: file, reason: fault }]);
      else yield { path: record.path, file, facts: () => factsOf(file, record) };
    }
  }
}

function factsOf(file: string, record: ManifestRecord): VideoFacts {
  let entry: ManifestEntry;
  try {
    entry = entryOf(record);
  } catch (cause) {
    const message = `${file}: its record in the manifest cannot be read again`;
    throw new DatasetError("ERR_FEATURES", message, { file, cause });
  }
  const { duration, partial, timestamps } = entry;
  return { path: record.path, duration: Number.isFinite(duration) ? duration : undefined, partial, timestamps };
}

function open({ path, file, facts }: FoundVideo): StoredVideo | FeatureFailure {
  try {
    // other formats hold texts of UTF-8, and some no zeros: another path would be stored
    if (!isWellFormed(path) || path.includes("\0")) {
      const message = `${file}: its path ${JSON.stringify(path)} is no name of a file`;
      throw new DatasetError("ERR_FEATURES", message, { file });
    }
    return StoredVideo.open(file, facts());
  } catch (error) {
    if (error instanceof VideoClipError) return { video: path, error };
    throw error;
  }
}
