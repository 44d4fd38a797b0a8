import { existsSync, readdirSync } from "node:fs";
import { join, parse } from "node:path";
import { DatasetError } from "../errors.js";
import { featureMatrix, type Features, type FeatureSource } from "./feature_source.js";
import { readNpy } from "../weights/read_npy.js";
import { ByteFile } from "../weights/byte_file.js";
import { isArrayOf } from "../typed_arrays.js";

/**
 * A folder of features, one `.npy` per video, `[rows, width]` of f16, f32 or f64: what `videoclip extract` writes, or the
 * public HowTo100M features. Row i is about second i.
 */
export class FeatureFolder implements FeatureSource {
  readonly #files: Map<string, string>;

  /** @throws DatasetError when the folder cannot be listed or has no features */
  constructor(readonly folder: string) {
    if (!existsSync(folder)) throw new DatasetError("ERR_DATASET", `${folder}: no such folder`, { file: folder });
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".npy"));
    if (names.length === 0) throw new DatasetError("ERR_DATASET", `${folder}: no .npy files in it`, { file: folder });
    this.#files = new Map(names.map((name) => [parse(name).name, name]));
  }

  get size(): number {
    return this.#files.size;
  }

  /** Whether there are features of the video, by its name or the base name of its path. */
  has(video: string): boolean {
    return this.path(video) !== undefined;
  }

  /** The file with the features of the video, or undefined. */
  path(video: string): string | undefined {
    const name = this.#files.get(video) ?? this.#files.get(parse(video).name);
    return name === undefined ? undefined : join(this.folder, name);
  }

  /**
   * Reads the features of a video.
   * @throws DatasetError when there are none, they are no matrix, or a value is not finite
   */
  read(video: string): Features {
    const path = this.path(video);
    if (path !== undefined) return readFeatureMatrix(path);
    throw new DatasetError("ERR_MISSING_FEATURES", `${this.folder}: no features of ${video}`, { file: this.folder });
  }
}

/**
 * Reads features from a `.npy` file.
 * @throws DatasetError when they are no matrix of numbers, or a value is not finite
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
