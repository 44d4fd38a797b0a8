import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DurableFile } from "../base/files.js";
import { writing } from "../base/system_error.js";
import { npyHeader } from "../weights/npy.js";
import type { ExportFacts, ExportFormat } from "./format.js";
import { ParquetRows } from "./parquet.js";
import { ITEM_BYTES, type StoredVideo } from "./stored_video.js";

/** A `.npy` `[rows, dim]` and the Parquet file with the facts of its rows. */
class Partition {
  #vectors: DurableFile;
  #file: DurableFile;
  #metadata: ParquetRows;
  #blocks: Buffer;
  #bytes = 0;
  rows = 0;

  constructor(
    vectors: string,
    metadata: string,
    readonly facts: ExportFacts,
  ) {
    this.#vectors = new DurableFile(vectors);
    this.#file = new DurableFile(metadata);
    this.#metadata = new ParquetRows(this.#file, facts.settings);
    this.#blocks = Buffer.allocUnsafeSlow(Math.max(1 << 20, facts.dim * 4));
    this.#vectors.write(this.#header());
  }

  /** Its 128 bytes are enough for any number of rows. */
  #header(): Uint8Array {
    return npyHeader([this.rows, this.facts.dim], this.facts.dtype!);
  }

  add(video: StoredVideo, clip: number, row: Uint8Array): void {
    if (this.#bytes + row.length > this.#blocks.length) this.#flush();
    this.#blocks.set(row, this.#bytes);
    this.#bytes += row.length;
    this.#metadata.add(video, clip);
    this.rows++;
  }

  finish(): void {
    this.#flush();
    this.#vectors.write(this.#header(), 0);
    this.#metadata.finish();
    this.#vectors.commit();
    this.#file.commit();
  }

  discard(): void {
    this.#vectors.discard();
    this.#file.discard();
  }

  #flush(): void {
    this.#vectors.write(this.#blocks.subarray(0, this.#bytes));
    this.#bytes = 0;
  }
}

/**
 * The layout of clip-retrieval: `img_emb/img_emb_0.npy` `[rows, dim]` and `metadata/metadata_0.parquet`, in partitions
 * whose numbers have as many digits as the number of partitions.
 */
export const CLIP_RETRIEVAL: ExportFormat = {
  kind: "folder",
  dtypes: ["f32", "f16"],
  ending: ".clip-retrieval",
  sharded: true,
  async write(out, videos, facts) {
    const perPartition = Math.max(1, Math.floor(facts.shardBytes / (facts.dim * ITEM_BYTES[facts.dtype!])));
    const digits = Math.floor(Math.log10(Math.max(1, Math.ceil(facts.countRows() / perPartition)))) + 1;
    const folders = ["img_emb", "metadata"].map((name) => join(out, name));
    for (const folder of folders) writing(folder, () => mkdirSync(folder));
    let number = 0;
    let partition: Partition | undefined;
    try {
      for await (const video of videos) {
        let clip = 0;
        for (const row of video.rows(facts.dtype!)) {
          if (!partition) {
            const text = String(number++).padStart(digits, "0");
            const [vectors, metadata] = [`img_emb_${text}.npy`, `metadata_${text}.parquet`];
            partition = new Partition(join(folders[0], vectors), join(folders[1], metadata), facts);
          }
          partition.add(video, clip++, row);
          if (partition.rows < perPartition) continue;
          partition.finish();
          partition = undefined;
        }
      }
      partition?.finish();
    } catch (error) {
      partition?.discard();
      throw error;
    }
  },
};
