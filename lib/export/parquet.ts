import type { SchemaElement } from "hyparquet";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import type { DurableFile } from "../base/files.js";
import type { ExportFormat } from "./format.js";
import { writeTogether } from "./output_files.js";
import { writeVectors } from "./parquet_vectors.js";
import { type FeatureType, ITEM_BYTES, type VideoFacts } from "./stored_video.js";

/** Bytes of features, and rows, of a row group at most. */
const GROUP_BYTES = 32 << 20;
const GROUP_ROWS = 1 << 16;

/** Columns of a clip; duration is that of its video. */
const FACTS: SchemaElement[] = [
  { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" }, repetition_type: "REQUIRED" }, // prettier-ignore
  { name: "clip", type: "INT32", repetition_type: "REQUIRED" },
  { name: "start", type: "DOUBLE", repetition_type: "OPTIONAL" },
  { name: "end", type: "DOUBLE", repetition_type: "OPTIONAL" },
  { name: "duration", type: "DOUBLE", repetition_type: "OPTIONAL" },
  { name: "partial", type: "BOOLEAN", repetition_type: "REQUIRED" },
];

const ELEMENTS: Record<FeatureType, SchemaElement> = {
  f32: { name: "element", type: "FLOAT", repetition_type: "REQUIRED" },
  f16: { name: "element", type: "FIXED_LEN_BYTE_ARRAY", type_length: 2, logical_type: { type: "FLOAT16" }, repetition_type: "REQUIRED" }, // prettier-ignore
};

/** A column `list<float>` of three levels, as the format asks for. */
const listColumn = (name: string, dtype: FeatureType): SchemaElement[] => [
  { name, num_children: 1, converted_type: "LIST", logical_type: { type: "LIST" }, repetition_type: "REQUIRED" },
  { name: "list", num_children: 1, repetition_type: "REPEATED" },
  ELEMENTS[dtype],
];

/** Collects bytes of a Parquet file until they are written. */
class FileBytes extends ByteWriter {
  constructor(readonly file: DurableFile) {
    super(1 << 20);
  }

  flush(): void {
    this.file.write(this.getBytes());
    this.index = 0;
  }

  override finish(): void {
    this.flush();
  }
}

/** A Parquet file with a row for each clip, with or without its feature. */
export class ParquetRows {
  #file: FileBytes;
  #parquet: ParquetWriter;
  #vectors: { dim: number; dtype: FeatureType } | undefined;
  #perGroup: number;
  #columns: unknown[][] = FACTS.map(() => []);
  #rows: Buffer | undefined;
  #count = 0;

  /** @param vectors what the column `feature` holds; without it there is no such column */
  constructor(file: DurableFile, settings: Record<string, unknown>, vectors?: { dim: number; dtype: FeatureType }) {
    this.#vectors = vectors;
    const list = vectors ? listColumn("feature", vectors.dtype) : [];
    const schema = [{ name: "schema", num_children: FACTS.length + (vectors ? 1 : 0) }, ...FACTS, ...list];
    const facts = { format: "videoclip-features", version: 1, ...(vectors ? { dim: vectors.dim } : {}), settings };
    this.#file = new FileBytes(file);
    this.#parquet = new ParquetWriter({
      writer: this.#file,
      schema,
      codec: "SNAPPY",
      createdBy: "videoclip",
      kvMetadata: [{ key: "videoclip", value: JSON.stringify(facts) }],
    });
    const width = vectors ? vectors.dim * ITEM_BYTES[vectors.dtype] : 1;
    this.#perGroup = Math.min(GROUP_ROWS, Math.max(1, Math.floor(GROUP_BYTES / width)));
    if (vectors) this.#rows = Buffer.allocUnsafeSlow(this.#perGroup * width);
  }

  /** Adds a clip. @param row bytes of its feature in the type of the file */
  add({ path, timestamps, duration, partial }: VideoFacts, clip: number, row?: Uint8Array): void {
    const [start, end] = timestamps?.[clip] ?? [undefined, undefined];
    [path, clip, start, end, duration, partial === true].forEach((value, i) => this.#columns[i].push(value));
    if (row) this.#rows!.set(row, this.#count * row.length);
    if (++this.#count === this.#perGroup) this.#writeGroup();
  }

  /** Writes what is left and the metadata; the file is to be committed afterwards. */
  finish(): void {
    this.#writeGroup();
    void this.#parquet.finish();
  }

  /** The number of rows decides where a row group ends, so that equal rows give equal files. */
  #writeGroup(): void {
    if (this.#count === 0) return;
    const columnData = FACTS.map(({ name }, i) => ({ name, data: this.#columns[i], offsetIndex: false }));
    void this.#parquet.write({ columnData, rowGroupSize: this.#count });
    if (this.#vectors && this.#rows) {
      const path = ["feature", "list", "element"];
      const width = this.#vectors.dim * ITEM_BYTES[this.#vectors.dtype];
      const chunk = writeVectors(this.#file, path, this.#rows.subarray(0, this.#count * width), this.#vectors);
      const group = this.#parquet.row_groups.at(-1)!;
      const size = chunk.meta_data!.total_compressed_size;
      group.columns.push(chunk);
      group.total_byte_size += size;
      group.total_compressed_size = (group.total_compressed_size ?? 0n) + size;
      this.#file.flush();
    }
    this.#columns = FACTS.map(() => []);
    this.#count = 0;
  }
}

/** Parquet with a row for each clip: its video, its times and its feature as a list of floats. */
export const PARQUET: ExportFormat = {
  kind: "file",
  dtypes: ["f32", "f16"],
  ending: ".parquet",
  async write(out, videos, { settings, dim, dtype }) {
    await writeTogether([out], async (file) => {
      const rows = new ParquetRows(file, settings, { dim, dtype: dtype! });
      for await (const video of videos) {
        let clip = 0;
        for (const row of video.rows(dtype!)) rows.add(video, clip++, row);
      }
      rows.finish();
    });
  },
};
