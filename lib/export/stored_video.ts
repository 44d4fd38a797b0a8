import { DatasetError } from "../base/errors.js";
import { halfValues } from "../base/half_floats.js";
import { readFeatureFile } from "../features/extracted_features.js";
import { MAX_F16 } from "../features/feature_failures.js";
import { ByteFile } from "../weights/byte_file.js";
import { npyData, npyHeader } from "../weights/npy.js";
import { npyLayout } from "../weights/read_npy.js";

/** Types of stored and of exported values. */
export type FeatureType = "f16" | "f32";
export const ITEM_BYTES = { f16: 2, f32: 4 } as const;

/** Facts about a video that its record has. */
export interface VideoFacts {
  path: string;
  /** Seconds; undefined without a manifest. */
  duration?: number | undefined;
  /** Whether the extraction stopped before the end of the video. */
  partial?: boolean | undefined;
  /** `[start, end]` of each clip in seconds; undefined without a manifest. */
  timestamps?: readonly (readonly [number, number])[] | undefined;
}

/** Bytes of rows that are read together. */
const BLOCK_BYTES = 1 << 20;

/** The features of a video, `[clips, dim]`, read from their file in blocks of rows. */
export class StoredVideo implements VideoFacts {
  readonly path: string;
  readonly duration: number | undefined;
  readonly partial: boolean;
  readonly timestamps: VideoFacts["timestamps"];
  #file: ByteFile;
  #at: number;
  /** The rows, where they are few or must be converted as a whole. */
  #rows: Uint8Array | undefined;

  private constructor(
    facts: VideoFacts,
    readonly clips: number,
    readonly dim: number,
    /** Type of the values in the file; f64 and integers count as f32. */
    readonly stored: FeatureType,
    file: ByteFile,
    source: { at: number; rows?: Uint8Array },
  ) {
    this.path = facts.path;
    this.duration = facts.duration;
    this.partial = facts.partial === true;
    this.timestamps = facts.timestamps;
    this.#file = file;
    this.#at = source.at;
    this.#rows = source.rows;
  }

  /**
   * Opens the features of a video. They are read once to see that all values are finite.
   * @throws WeightsError when the file is no `.npy` `[clips, dim]` or does not have one row per time stamp; DatasetError
   * `ERR_BAD_FEATURES` for values that are not finite
   */
  static open(path: string, facts: VideoFacts): StoredVideo {
    const file = new ByteFile(path);
    try {
      const { shape, descr, rowMajor, at } = npyLayout(file);
      const [clips, dim] = shape;
      if (shape.length !== 2 || clips < 1 || dim < 1) {
        throw file.fail(`expected features [clips, dim], found [${shape.join(", ")}]`);
      }
      if (facts.timestamps && facts.timestamps.length !== clips) {
        throw file.fail(`${clips} features, but the manifest has ${facts.timestamps.length} timestamps`);
      }
      const stored = { "<f2": "f16", "<f4": "f32" }[descr] as FeatureType | undefined;
      if (stored && rowMajor) {
        const video = new StoredVideo(facts, clips, dim, stored, file, { at });
        video.#checkFinite();
        return video;
      }
      const { data } = readFeatureFile({ video: path, file: path });
      return new StoredVideo(facts, clips, dim, "f32", file, { at: 0, rows: npyData(data, "f32") });
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * The rows in order as little-endian bytes, in blocks of whole rows; f16 is rounded to nearest even.
   * @throws WeightsError when the file became shorter
   */
  *blocks(type: FeatureType): Generator<Uint8Array> {
    for (const block of this.#blocks()) yield this.#convert(block, type);
  }

  /** The features as an `.npy` file: its number of bytes, and its parts. */
  npy(type: FeatureType): { size: number; parts: Generator<Uint8Array> } {
    const header = npyHeader([this.clips, this.dim], type);
    return { size: header.length + this.clips * this.dim * ITEM_BYTES[type], parts: this.#npyParts(header, type) };
  }

  *#npyParts(header: Uint8Array, type: FeatureType): Generator<Uint8Array> {
    yield header;
    yield* this.blocks(type);
  }

  /** The rows one by one as little-endian bytes. */
  *rows(type: FeatureType): Generator<Uint8Array> {
    const width = this.dim * ITEM_BYTES[type];
    for (const block of this.blocks(type)) {
      for (let at = 0; at < block.length; at += width) yield block.subarray(at, at + width);
    }
  }

  /** The rows in order as f32, in blocks of whole rows. */
  *values(): Generator<Float32Array> {
    for (const block of this.blocks("f32")) {
      yield new Float32Array(block.buffer, block.byteOffset, block.byteLength / 4);
    }
  }

  /**
   * Checks that the values fit into f16.
   * @throws DatasetError `ERR_BAD_FEATURES` with the first that does not
   */
  checkRange(type: FeatureType): void {
    if (type !== "f16" || this.stored === "f16") return;
    let first = 0;
    for (const block of this.values()) {
      const bad = block.findIndex((value) => Math.abs(value) > MAX_F16);
      if (bad >= 0) throw this.#bad(first + bad, `${block[bad]}, above the largest f16; f32 takes it`);
      first += block.length;
    }
  }

  close(): void {
    this.#file.close();
  }

  *#blocks(): Generator<Uint8Array> {
    const row = this.dim * ITEM_BYTES[this.stored];
    const rows = Math.max(1, Math.floor(BLOCK_BYTES / row));
    for (let first = 0; first < this.clips; first += rows) {
      const count = Math.min(rows, this.clips - first);
      if (this.#rows) yield this.#rows.subarray(first * row, (first + count) * row);
      else yield this.#file.read(this.#at + first * row, count * row);
    }
  }

  #checkFinite(): void {
    let first = 0;
    for (const block of this.#blocks()) {
      const wide = this.stored === "f32";
      const bits = wide
        ? new Uint32Array(block.buffer, block.byteOffset, block.byteLength / 4)
        : new Uint16Array(block.buffer, block.byteOffset, block.byteLength / 2);
      const exponent = wide ? 0x7f800000 : 0x7c00;
      for (let i = 0; i < bits.length; i++) {
        if ((bits[i] & exponent) === exponent) throw this.#bad(first + i, "not finite");
      }
      first += bits.length;
      if (bits.length === this.clips * this.dim) this.#rows = block; // few rows need not be read again
    }
  }

  #bad(at: number, reason: string): DatasetError {
    const file = this.#file.path;
    const place = `row ${Math.floor(at / this.dim)}, column ${at % this.dim}`;
    return new DatasetError("ERR_BAD_FEATURES", `${file}: ${place} is ${reason}`, { file });
  }

  #convert(block: Uint8Array, type: FeatureType): Uint8Array {
    if (type === this.stored) return block;
    if (type === "f16") return npyData(new Float32Array(block.buffer, block.byteOffset, block.byteLength / 4), "f16");
    const half = new Uint16Array(block.buffer, block.byteOffset, block.byteLength / 2);
    const values = halfValues();
    const wide = new Float32Array(half.length);
    for (let i = 0; i < half.length; i++) wide[i] = values[half[i]];
    return new Uint8Array(wide.buffer);
  }
}
