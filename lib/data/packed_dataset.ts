import { statSync } from "node:fs";
import { join } from "node:path";
import { DatasetError, VideoClipError } from "../base/errors.js";
import { hashFile, type PackManifest, readPack } from "./pack.js";
import type { TokenisedCaptions } from "./sampler.js";
import { Shard } from "./shard.js";
import { Skips } from "./skips.js";

/**
 * A dataset of `videoclip data pack`, opened for reading: videos by number, read by position. A shard that is missing,
 * too short or broken is counted in `skips` and its videos are left out.
 */
export class PackedDataset {
  readonly manifest: PackManifest;
  readonly #shards: Shard[] = [];
  /** First video of each shard. */
  readonly #starts: number[] = [0];
  readonly skips: Skips;

  /** @throws DatasetError when there is no pack, no readable shard, or more broken shards than `skips` allows */
  constructor(
    readonly folder: string,
    { skips = new Skips() }: { skips?: Skips | undefined } = {},
  ) {
    this.skips = skips;
    this.manifest = readPack(folder);
    for (const { file, bytes } of this.manifest.shards) {
      const path = join(folder, file);
      try {
        const { size } = statSync(path);
        if (size !== bytes) {
          throw new DatasetError("ERR_DATASET", `${path}: expected ${bytes} bytes, received ${size}`, { file: path });
        }
        const shard = new Shard(path);
        this.#shards.push(shard);
        this.#starts.push(this.#starts[this.#starts.length - 1] + shard.videos);
      } catch (error) {
        if (!(error instanceof VideoClipError) && (error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
        skips.add("a shard that is missing or broken", (error as Error).message);
      }
    }
    if (this.#shards.length === 0) {
      throw new DatasetError("ERR_DATASET", `${folder}: no shard can be read: ${skips.summary() || "it has none"}`, {
        file: folder,
      });
    }
  }

  /** Number of videos. */
  get size(): number {
    return this.#starts[this.#starts.length - 1];
  }

  /** Width of a row of features. */
  get width(): number {
    return this.manifest.width;
  }

  #find(video: number): [Shard, number] {
    let [low, high] = [0, this.#shards.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle] <= video) low = middle;
      else high = middle - 1;
    }
    return [this.#shards[low], video - this.#starts[low]];
  }

  name(video: number): string {
    const [shard, at] = this.#find(video);
    return shard.name(at);
  }

  /** Number of rows of features, which is the number of seconds. */
  rows(video: number): number {
    const [shard, at] = this.#find(video);
    return shard.rows(at);
  }

  captions(video: number): TokenisedCaptions {
    const [shard, at] = this.#find(video);
    return shard.captions(at);
  }

  /** Rows `[start, end)`, float32. @throws WeightsError when a value is not finite */
  features(video: number, start?: number, end?: number): Float32Array {
    const [shard, at] = this.#find(video);
    return shard.features(at, start, end);
  }

  /** Compares every shard with its checksum. @returns the files that differ */
  async verify(signal?: AbortSignal): Promise<string[]> {
    const broken: string[] = [];
    for (const { file, sha256 } of this.manifest.shards) {
      signal?.throwIfAborted();
      const found = await hashFile(join(this.folder, file)).catch(() => "");
      if (found !== sha256) broken.push(file);
    }
    return broken;
  }

  close(): void {
    for (const shard of this.#shards) shard.close();
  }
}
