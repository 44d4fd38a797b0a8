import { WeightsError } from "../base/errors.js";
import { floatToHalf, halfToFloat } from "../base/half_floats.js";
import { readSafetensors, writeSafetensors } from "../weights/safetensors.js";
import { ByteFile } from "../weights/byte_file.js";
import { type StoredTensor } from "../weights/tensor.js";
import type { Features } from "./feature_source.js";
import type { TokenisedCaptions } from "./sampler.js";

/*
 * A shard is a safetensors file of consecutive videos:
 *   features       F16 [rows, width]     rows of all videos, one after the other
 *   feature_starts I32 [videos + 1]      first row of each video
 *   caption_starts I32 [videos + 1]      first caption of each video
 *   caption_times  F32 [captions, 2]     start and end in seconds
 *   token_starts   I32 [captions + 1]    first token of each caption
 *   tokens         I32 [tokens]
 *   names          U8  [bytes]           UTF-8
 *   name_starts    I32 [videos + 1]
 * Tensors with an entry per video are read when the shard is opened; the others are read by position, on demand.
 */

/** A video to write into a shard. */
export interface PackedVideo {
  name: string;
  features: Features;
  captions: { start: number[]; end: number[]; ids: readonly number[][] };
}

/** A video that waits to be written, with features in float16. */
type WaitingVideo = Omit<PackedVideo, "features"> & { rows: number; half: Uint16Array };

/** Collects videos in memory until they are written. */
export class ShardBuilder {
  readonly #videos: WaitingVideo[] = [];
  /** Approximate size of the file. */
  bytes = 0;

  constructor(readonly width: number) {}

  get videos(): number {
    return this.#videos.length;
  }

  add({ features: { data, shape }, ...video }: PackedVideo): void {
    this.#videos.push({ ...video, rows: shape[0], half: Uint16Array.from(data, floatToHalf) });
    const tokens = video.captions.ids.reduce((sum, ids) => sum + ids.length, 0);
    this.bytes += 2 * data.length + 4 * tokens + 12 * video.captions.ids.length + 64;
  }

  write(path: string): { videos: number; rows: number; captions: number; tokens: number } {
    const starts = (sizes: number[]) => {
      const out = new Int32Array(sizes.length + 1);
      sizes.forEach((size, i) => {
        out[i + 1] = out[i] + size;
      });
      return out;
    };
    const names = this.#videos.map(({ name }) => Buffer.from(name));
    const captions = this.#videos.flatMap(({ captions: c }) => c.ids);
    const rows = starts(this.#videos.map((video) => video.rows));
    const half = new Uint16Array(rows[rows.length - 1] * this.width);
    this.#videos.forEach((video, v) => half.set(video.half, rows[v] * this.width));
    const times = Float32Array.from(
      this.#videos.flatMap(({ captions: { start, end } }) => start.flatMap((s, i) => [s, end[i]])),
    );
    const tokens = Int32Array.from(captions.flat());
    const text = Buffer.concat(names);
    writeSafetensors(
      path,
      new Map([
        ["features", stored("F16", [rows[rows.length - 1], this.width], half)],
        ["feature_starts", stored("I32", [rows.length], rows)],
        ["caption_starts", stored("I32", [rows.length], starts(this.#videos.map(({ captions: c }) => c.ids.length)))],
        ["caption_times", stored("F32", [captions.length, 2], times)],
        ["token_starts", stored("I32", [captions.length + 1], starts(captions.map((ids) => ids.length)))],
        ["tokens", stored("I32", [tokens.length], tokens)],
        ["names", stored("U8", [text.length], text)],
        ["name_starts", stored("I32", [rows.length], starts(names.map((name) => name.length)))],
      ]),
      { format: "videoclip-shard" },
    );
    return { videos: this.videos, rows: rows[rows.length - 1], captions: captions.length, tokens: tokens.length };
  }
}

function stored(
  dtype: StoredTensor["dtype"],
  shape: number[],
  array: Uint8Array | Uint16Array | Int32Array | Float32Array,
): StoredTensor {
  return { dtype, shape, read: () => new Uint8Array(array.buffer, array.byteOffset, array.byteLength) };
}

/** An opened shard. @throws WeightsError for a file that is broken or not a shard */
export class Shard {
  readonly videos: number;
  readonly width: number;
  readonly #file: ByteFile;
  readonly #tensors: Map<string, StoredTensor>;
  readonly #rows: Int32Array;
  readonly #captions: Int32Array;
  readonly #names: string[];

  constructor(readonly path: string) {
    this.#file = new ByteFile(path);
    try {
      const { tensors, metadata } = readSafetensors(this.#file);
      if (metadata.format !== "videoclip-shard") throw this.#file.fail("not a shard of videoclip data pack");
      this.#tensors = tensors;
      this.#rows = this.#index("feature_starts");
      this.#captions = this.#index("caption_starts");
      this.videos = this.#rows.length - 1;
      this.width = this.#tensor("features").shape[1];
      const bytes = Buffer.from(this.#tensor("names").read());
      const starts = this.#index("name_starts");
      this.#names = Array.from({ length: this.videos }, (_, v) => bytes.toString("utf8", starts[v], starts[v + 1]));
      const ends = [
        [this.#rows, "features"],
        [this.#captions, "caption_times"],
      ] as const;
      for (const [index, name] of ends) {
        if (index.length !== this.videos + 1 || index[this.videos] !== this.#tensor(name).shape[0]) {
          throw this.#file.fail(`the starts of the videos do not fit ${name}`);
        }
      }
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  #tensor(name: string): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw this.#file.fail(`${name} is missing`);
    return tensor;
  }

  #index(name: string): Int32Array {
    const bytes = this.#tensor(name).read();
    const index = new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    if (index[0] !== 0 || index.some((v, i) => i > 0 && v < index[i - 1])) {
      throw this.#file.fail(`${name} does not rise from 0`);
    }
    return index;
  }

  /** Bytes of elements `[from, to)` of a tensor of `size`-byte elements. */
  #slice(name: string, from: number, to: number, size: number): ArrayBuffer {
    const bytes = this.#file.read(this.#tensor(name).byte! + from * size, (to - from) * size);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  }

  name(video: number): string {
    return this.#names[video];
  }

  /** Rows of features of a video. */
  rows(video: number): number {
    return this.#rows[video + 1] - this.#rows[video];
  }

  /**
   * Rows `[start, end)` of a video, float32 `[end - start, width]`.
   * @throws WeightsError when a value is not finite
   */
  features(video: number, start = 0, end = this.rows(video)): Float32Array {
    const { width } = this;
    const first = this.#rows[video];
    const half = new Uint16Array(this.#slice("features", (first + start) * width, (first + end) * width, 2));
    return Float32Array.from(half, (bits, i) => {
      if ((bits & 0x7c00) === 0x7c00) {
        const at = `row ${start + Math.floor(i / width)}, column ${i % width}`;
        throw new WeightsError(`${this.path}: ${this.name(video)}: ${at} is not finite`, { file: this.path });
      }
      return halfToFloat(bits);
    });
  }

  captions(video: number): TokenisedCaptions {
    const [first, last] = [this.#captions[video], this.#captions[video + 1]];
    const times = new Float32Array(this.#slice("caption_times", 2 * first, 2 * last, 4));
    const starts = new Int32Array(this.#slice("token_starts", first, last + 1, 4));
    const tokens = new Int32Array(this.#slice("tokens", starts[0], starts[last - first], 4));
    return {
      start: times.filter((_, i) => i % 2 === 0),
      end: times.filter((_, i) => i % 2 === 1),
      ids: Array.from({ length: last - first }, (_, i) =>
        tokens.subarray(starts[i] - starts[0], starts[i + 1] - starts[0]),
      ),
    };
  }

  close(): void {
    this.#file.close();
  }
}
