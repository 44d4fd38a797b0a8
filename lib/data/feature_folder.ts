import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { DatasetError } from "../base/errors.js";
import { isArrayOf } from "../base/typed_arrays.js";
import { walkFolder } from "../base/walk_folder.js";
import { ByteFile } from "../weights/byte_file.js";
import { readNpy } from "../weights/read_npy.js";
import { MANIFEST_NAME } from "../records/feature_manifest.js";
import { readManifests } from "../records/read_manifests.js";
import { featureMatrix, type Features, type FeatureSource } from "./feature_source.js";
import { NamedFiles } from "./named_files.js";

/**
 * A folder of features, one `.npy` per video, `[rows, width]` of f16, f32 or f64: written by `videoclip extract`, or
 * the public HowTo100M features. Row i is about second i. With a manifest, features are found by the path of their
 * video, or by the end of the path; otherwise by file name, where `ID.mp4.npy` is also `ID`. Linked folders are
 * entered, each once.
 */
export class FeatureFolder implements FeatureSource {
  readonly #files: NamedFiles;
  /** Settings of the extractions that made the features, as far as manifests name them; no two are equal. */
  readonly settings: readonly Record<string, unknown>[];

  /** @throws DatasetError when the folder cannot be read or has no features */
  constructor(readonly folder: string) {
    if (!existsSync(folder)) throw new DatasetError("ERR_DATASET", `${folder}: no such folder`, { file: folder });
    this.#files = new NamedFiles(folder);
    const features: { folder: string; name: string; path: string }[] = [];
    const manifests = new Set<string>();
    for (const entry of walkFolder(folder)) {
      if (!("kind" in entry)) {
        throw new DatasetError("ERR_DATASET", `${entry.path}: ${entry.reason}`, {
          file: entry.path,
          cause: entry.cause,
        });
      }
      if (entry.kind !== "file") continue;
      if (entry.name.endsWith(".npy") && !entry.name.startsWith(".")) features.push(entry);
      if (MANIFEST_NAME.test(entry.name)) manifests.add(entry.folder);
    }
    if (features.length === 0) {
      throw new DatasetError("ERR_DATASET", `${folder}: no .npy files in it`, { file: folder });
    }
    /** paths of videos by the path of their features */
    const videos = new Map<string, string>();
    const settings = new Map<string, Record<string, unknown>>();
    for (const at of manifests) {
      const known = new Set<object>();
      for (const { path, file, settings: own } of readManifests(at).records.values()) {
        videos.set(join(at, file), path);
        // records with equal settings share one object
        if (!known.has(own)) settings.set(JSON.stringify(own), own);
        known.add(own);
      }
    }
    this.settings = [...settings.values()];
    for (const { path } of features) {
      const video = videos.get(path);
      this.#files.add(video ?? relative(folder, path).slice(0, -".npy".length), path);
    }
  }

  get size(): number {
    return this.#files.size;
  }

  /**
   * Whether there are features of the video, by its path, the end of its path or its base name.
   * @throws DatasetError when several videos have this name
   */
  has(video: string): boolean {
    return this.path(video) !== undefined;
  }

  /** The file with the features of the video, or undefined. @throws DatasetError when several videos have this name */
  path(video: string): string | undefined {
    return this.#files.find(video);
  }

  /**
   * Reads the features of a video.
   * @throws DatasetError when they are missing, not a matrix, or not finite
   */
  read(video: string): Features {
    const path = this.path(video);
    if (path !== undefined) return readFeatureMatrix(path);
    throw new DatasetError("ERR_MISSING_FEATURES", `${this.folder}: no features of ${video}`, { file: this.folder });
  }
}

/**
 * Reads features from a `.npy` file.
 * @throws DatasetError when they are not a matrix of numbers, or not finite
 */
export function readFeatureMatrix(path: string): Features {
  const file = new ByteFile(path);
  try {
    const { shape, data } = readNpy(file);
    if (shape.length !== 2 || !isArrayOf("Float64Array", data)) {
      const received = shape.join(", ");
      throw new DatasetError("ERR_DATASET", `${path}: expected numbers [rows, width], received [${received}]`, {
        file: path,
        received: shape,
      });
    }
    const bad = data.findIndex((v) => !Number.isFinite(v));
    if (bad >= 0) {
      throw new DatasetError(
        "ERR_BAD_FEATURES",
        `${path}: row ${Math.floor(bad / shape[1])}, column ${bad % shape[1]} is ${data[bad]}`,
        { file: path },
      );
    }
    return featureMatrix(Float32Array.from(data), [shape[0], shape[1]]);
  } finally {
    file.close();
  }
}
