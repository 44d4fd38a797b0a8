import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatasetError, InvalidArgumentError } from "../base/errors.js";
import { type NpyArray, readNpy } from "../weights/read_npy.js";
import { ByteFile } from "../weights/byte_file.js";
import { type BrokenRecord, entryOf, featureFault, type ManifestRecord } from "../records/feature_manifest.js";
import { manifestNames } from "../records/part_list.js";
import { readManifests } from "../records/read_manifests.js";
import { isArrayOf } from "../base/typed_arrays.js";

/** A feature file of an extraction. */
export interface VideoFeatureFile {
  /** Path of the video, or of the feature file if the video is unknown. */
  video: string;
  /** The `.npy` file, `[clips, dim]`. */
  file: string;
  /** Earlier paths of the video. */
  movedFrom?: readonly string[] | undefined;
  /** Time of the extraction as an ISO date; absent without a manifest. */
  finishedAt?: string | undefined;
  /** `[start, end]` of each clip in seconds; absent without a manifest. */
  timestamps?: readonly (readonly [number, number])[] | undefined;
  /** Reads the features where `file` holds those of several videos; see `loadFeatures`. */
  load?: (() => Promise<ReadFeatures>) | undefined;
}

export interface ExtractedFeatures {
  files: VideoFeatureFile[];
  /** Lines of manifests that are not records, and features that are missing or incomplete. */
  broken: BrokenRecord[];
  /** Settings of the extraction; empty without a manifest. */
  settings: Record<string, unknown>;
}

/** Settings that define the space of features; the others define how they are stored. */
const SPACE = ["model", "output", "dim", "weights", "l2", "preset"] as const;

/**
 * Finds the features in folders that `videoclip extract` wrote (all shards), or in plain folders of `.npy` files.
 * @throws DatasetError for folders without features, or with different settings
 */
export function readFeatureFolders(folders: readonly string[]): ExtractedFeatures {
  return combineFeatures(folders.map((folder) => ({ place: folder, features: readFolder(folder) })));
}

/**
 * Joins features of several places.
 * @throws DatasetError for a place without features, for different settings, and for a video that is there twice
 */
export function combineFeatures(parts: readonly { place: string; features: ExtractedFeatures }[]): ExtractedFeatures {
  const all: ExtractedFeatures = { files: [], broken: [], settings: {} };
  for (const [i, { place, features: one }] of parts.entries()) {
    if (one.files.length === 0) {
      const [first] = one.broken;
      const reason = first ? `; ${first.place}: ${first.reason}` : "";
      throw new DatasetError("ERR_FEATURES", `${place}: there are no features (.npy files)${reason}`, { file: place });
    }
    if (i === 0) all.settings = one.settings;
    else checkSettings(place, all.settings, one.settings);
    for (const file of one.files) all.files.push(file);
    for (const line of one.broken) all.broken.push(line);
  }
  const seen = new Set<string>();
  for (const { video } of all.files) {
    if (seen.has(video))
      throw new DatasetError("ERR_FEATURES", `${video}: its features are there twice`, { file: video });
    seen.add(video);
  }
  return all;
}

/** Features of one folder. */
function readFolder(folder: string): ExtractedFeatures {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new InvalidArgumentError(`features: ${folder} is not a folder`, { argument: "features", received: folder });
  }
  if (manifestNames(folder).length === 0) {
    const names = readdirSync(folder).sort();
    const files = names
      .filter((name) => /\.npy$/i.test(name) && !name.startsWith("."))
      .map((name) => resolve(folder, name));
    return { files: files.map((file) => ({ video: file, file })), broken: [], settings: {} };
  }
  const { records, broken } = readManifests(folder);
  const files: VideoFeatureFile[] = [];
  for (const record of records.values()) {
    const fault = featureFault(folder, record);
    if (fault === undefined) files.push(fileOf(folder, record));
    else broken.push({ place: join(folder, record.file), reason: fault });
  }
  const kinds = [...new Set([...records.values()].map((record) => record.settings))];
  for (const other of kinds) checkSettings(folder, kinds[0], other);
  return { files, broken, settings: kinds[0] ?? {} };
}

/** Timestamps are read from the manifest when they are needed. */
const fileOf = (folder: string, record: ManifestRecord): VideoFeatureFile => ({
  video: record.path,
  file: resolve(folder, record.file),
  movedFrom: record.movedFrom,
  finishedAt: record.finishedAt,
  get timestamps() {
    return entryOf(record).timestamps;
  },
});

/** @throws DatasetError `ERR_FEATURES` where the settings of features define different spaces */
export function checkSettings(folder: string, first: Record<string, unknown>, other: Record<string, unknown>): void {
  for (const key of SPACE) {
    const [expected, received] = [first[key], other[key]].map((value) => JSON.stringify(value));
    if (expected === received) continue;
    throw new DatasetError(
      "ERR_FEATURES",
      `${folder}: features of different kinds: ${key} ${expected} and ${received}`,
      {
        file: folder,
        expected,
        received,
      },
    );
  }
}

/** The settings that define the space of features. */
export function spaceOf(settings: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(SPACE.flatMap((key) => (settings[key] === undefined ? [] : [[key, settings[key]]])));
}

/** Features of a video. */
export interface ReadFeatures {
  /** f32 `[clips, dim]`. */
  data: Float32Array;
  shape: [number, number];
  timestamps: VideoFeatureFile["timestamps"];
}

/**
 * Reads a feature file: f32 `[clips, dim]`.
 * @throws WeightsError for anything else; DatasetError `ERR_BAD_FEATURES` for values that are not finite,
 * `ERR_FEATURES` when the manifest has changed
 */
export function readFeatureFile(features: VideoFeatureFile): ReadFeatures {
  const { file } = features;
  const timestamps = timestampsOf(features);
  const bytes = new ByteFile(file);
  try {
    return featuresOf(bytes, readNpy(bytes), timestamps);
  } finally {
    bytes.close();
  }
}

/**
 * The features that an array holds.
 * @param source the file that it is in, for messages
 * @throws WeightsError when it is not `[clips, dim]` of numbers, or has not one row per time stamp; DatasetError
 * `ERR_BAD_FEATURES` for values that are not finite
 */
export function featuresOf(
  source: Pick<ByteFile, "path" | "fail">,
  { shape, data }: NpyArray,
  timestamps: ReadFeatures["timestamps"],
): ReadFeatures {
  if (!isArrayOf("Float64Array", data) || shape.length !== 2 || shape[0] < 1) {
    throw source.fail(`expected features [clips, dim], found [${shape.join(", ")}]`);
  }
  if (timestamps && timestamps.length !== shape[0]) {
    throw source.fail(`${shape[0]} features, but the manifest has ${timestamps.length} timestamps`);
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const place = `row ${Math.floor(bad / shape[1])}, column ${bad % shape[1]}`;
    throw new DatasetError("ERR_BAD_FEATURES", `${source.path}: ${place} is ${data[bad]}`, { file: source.path });
  }
  return { data: Float32Array.from(data), shape: shape as [number, number], timestamps };
}

/** Reads features from their file or from one that they share. @throws as `readFeatureFile` */
export const loadFeatures = async (features: VideoFeatureFile): Promise<ReadFeatures> =>
  features.load ? features.load() : readFeatureFile(features);

/**
 * Checks the width of features.
 * @param model its width takes precedence over that of other features
 * @throws InvalidArgumentError for another width
 */
export function checkWidth(
  { file }: VideoFeatureFile,
  features: ReadFeatures,
  model: number | undefined,
  others?: number,
): ReadFeatures {
  const [, received] = features.shape;
  const expected = model ?? others;
  if (expected === undefined || received === expected) return features;
  const who = model === undefined ? "the others are" : "the model takes";
  throw new InvalidArgumentError(`features: ${file}: ${who} features of ${expected} values, these have ${received}`, {
    argument: "features",
    expected,
    received,
  });
}

function timestampsOf(features: VideoFeatureFile): VideoFeatureFile["timestamps"] {
  try {
    return features.timestamps;
  } catch (cause) {
    const { file } = features;
    throw new DatasetError("ERR_FEATURES", `${file}: its record in the manifest cannot be read again`, { file, cause });
  }
}
