/** Files of vectors one after the other: a header with their number, the rows, and the ids of the rows beside it. */
import { InvalidArgumentError } from "../base/errors.js";
import type { ExportFormat } from "./format.js";
import { TextBlocks, writeTogether } from "./output_files.js";
import type { StoredVideo } from "./stored_video.js";

/** The file with the path, the clip and the times of each row, as JSON lines. */
const idsOf = (out: string): string => `${out}.ids.jsonl`;

/** The facts of a row in a file of ids or as a payload. */
export function rowFacts({ path, timestamps, partial }: StoredVideo, clip: number): Record<string, unknown> {
  const [start, end] = timestamps?.[clip] ?? [];
  return { path, clip, start, end, ...(partial ? { partial } : {}) };
}

/** @param header its bytes for a number of rows; the same number of bytes for each */
function flat(
  dtypes: ExportFormat["dtypes"],
  ending: string,
  header: (rows: number, dim: number) => Uint8Array,
): ExportFormat {
  return {
    kind: "file",
    dtypes,
    ending,
    beside: (out) => [idsOf(out)],
    async write(out, videos, { dim, dtype }) {
      await writeTogether([out, idsOf(out)], async (file, ids) => {
        const lines = new TextBlocks(ids);
        let rows = 0;
        file.write(header(0, dim));
        for await (const video of videos) {
          for (const block of video.blocks(dtype!)) file.write(block);
          for (let clip = 0; clip < video.clips; clip++) {
            lines.write(`${JSON.stringify({ row: rows + clip, ...rowFacts(video, clip) })}\n`);
          }
          rows += video.clips;
        }
        file.write(header(rows, dim), 0);
        lines.flush();
      });
    },
  };
}

/** `u32 rows, u32 dim`, then the rows: `.fbin` of f32, `.f16bin` of f16 (DiskANN, usearch, the big-ann benchmarks). */
export const FBIN: ExportFormat = flat(["f32", "f16"], ".fbin", (rows, dim) => {
  if (rows >= 2 ** 32) throw new InvalidArgumentError(`fbin: ${rows} rows, and it holds less than 2^32`);
  const header = Buffer.alloc(8);
  header.writeUInt32LE(rows, 0);
  header.writeUInt32LE(dim, 4);
  return header;
});

/** faiss's `IndexFlatIP` (faiss/impl/index_write.cpp): a header, the number of values and the values. */
export const FAISS: ExportFormat = flat(["f32"], ".faiss", (rows, dim) => {
  const header = Buffer.alloc(45);
  header.write("IxFI", 0, "latin1");
  header.writeInt32LE(dim, 4);
  header.writeBigInt64LE(BigInt(rows), 8);
  header.writeBigInt64LE(1n << 20n, 16); // two fields that readers skip
  header.writeBigInt64LE(1n << 20n, 24);
  header.writeUInt8(1, 32); // is trained
  header.writeInt32LE(0, 33); // the metric: inner product
  header.writeBigUInt64LE(BigInt(rows) * BigInt(dim), 37);
  return header;
});
