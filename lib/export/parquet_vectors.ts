import type { ColumnChunk } from "hyparquet";
import { ByteWriter } from "hyparquet-writer";
import { writePageHeader } from "hyparquet-writer/src/datapage.js";
import { type FeatureType, ITEM_BYTES } from "./stored_video.js";

/** Bytes of values in a page. */
const PAGE_BYTES = 1 << 20;

/**
 * Writes the rows of a row group as the leaf of a three-level list column. Encoders for any list take each value apart;
 * here all rows have the same width and no nulls, so that their levels are runs, and the values are the bytes of the rows.
 * See https://parquet.apache.org/docs/file-format/nestedencoding and https://parquet.apache.org/docs/file-format/data-pages/encodings.
 * @param rows `[count, dim]`, little-endian
 */
export function writeVectors(
  writer: ByteWriter,
  path: readonly string[],
  rows: Uint8Array,
  { dim, dtype }: { dim: number; dtype: FeatureType },
): ColumnChunk {
  const width = dim * ITEM_BYTES[dtype];
  const perPage = Math.max(1, Math.floor(PAGE_BYTES / width)) * width;
  const start = writer.offset;
  for (let at = 0; at < rows.length; at += perPage) writePage(writer, rows.subarray(at, at + perPage), width, dim);
  const bytes = BigInt(writer.offset - start);
  return {
    file_offset: BigInt(start),
    meta_data: {
      type: dtype === "f32" ? "FLOAT" : "FIXED_LEN_BYTE_ARRAY",
      encodings: ["PLAIN", "RLE"],
      path_in_schema: [...path],
      codec: "UNCOMPRESSED",
      num_values: BigInt((rows.length / width) * dim),
      total_uncompressed_size: bytes,
      total_compressed_size: bytes,
      data_page_offset: BigInt(start),
    },
  };
}

function writePage(writer: ByteWriter, rows: Uint8Array, width: number, dim: number): void {
  const count = rows.length / width;
  // a row begins with repetition level 0, its other values have level 1
  const repetitions = new ByteWriter();
  for (let i = 0; i < count; i++) {
    writeRun(repetitions, 1, 0);
    if (dim > 1) writeRun(repetitions, dim - 1, 1);
  }
  const definitions = new ByteWriter();
  writeRun(definitions, count * dim, 1);
  const size = repetitions.offset + definitions.offset + rows.length;
  writePageHeader(writer, {
    type: "DATA_PAGE_V2",
    uncompressed_page_size: size,
    compressed_page_size: size,
    data_page_header_v2: {
      num_values: count * dim,
      num_nulls: 0,
      num_rows: count,
      encoding: "PLAIN",
      definition_levels_byte_length: definitions.offset,
      repetition_levels_byte_length: repetitions.offset,
      is_compressed: false,
    },
  });
  for (const part of [repetitions.getBytes(), definitions.getBytes(), rows]) writer.appendBytes(part);
}

/** A run of equal levels of one bit. */
function writeRun(writer: ByteWriter, count: number, level: number): void {
  writer.appendVarInt(count << 1);
  writer.appendUint8(level);
}
