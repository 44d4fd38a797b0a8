import { readSync } from "node:fs";
import type { Device } from "../runtime/device.js";
import { VideoClipError } from "../base/errors.js";
import { topK } from "../ops/index.js";
import { compile } from "../runtime/compile.js";
import { ProgramCache } from "../runtime/program_cache.js";
import { applyOp, input, trace } from "../graph/trace.js";
import type { IndexFiles } from "./index_files.js";
import { HEADER_BYTES, IndexError, ROW_DTYPES } from "./index_format.js";

/** Bytes of rows per run of the kernel; an abort waits for at most one run. */
const CHUNK_BYTES = 2 ** 31;
/** Rows that are gathered together when a part of the index is searched. */
const GATHERED_ROWS = 1 << 14;

type RowArray = Float32Array | Uint16Array;

/** Consecutive rows: `count` from `first` on. */
export interface RowRange {
  first: number;
  count: number;
}

/** The best rows of a query, best first. */
export interface RankedRows {
  rows: number[];
  scores: number[];
}

/**
 * The rows of an index in memory (mapped from the file if the system supports it), and exact search over them. Scores
 * are f32 dot products; equal scores are ordered by rising row. A row's score depends only on the row and the query.
 */
export class IndexRows {
  readonly dim: number;
  readonly count: number;
  /** Whether rows are read from the mapped file; otherwise they were copied into memory. */
  readonly mapped: boolean;
  #dtype: "f16" | "f32";
  #chunks: { first: number; count: number; data: RowArray }[] = [];
  #programs = new ProgramCache(64 << 20);

  constructor(
    readonly device: Device,
    files: IndexFiles,
    options: { map?: boolean | undefined; chunkBytes?: number | undefined } = {},
  ) {
    const { dim, dtype, rows } = files.manifest;
    this.dim = dim;
    this.count = rows;
    this.#dtype = dtype;
    const rowBytes = dim * ROW_DTYPES[dtype];
    const { chunkBytes = CHUNK_BYTES } = options;
    const perChunk = Math.max(32, Math.floor(chunkBytes / rowBytes / 32) * 32); // chunks begin at multiples of 64 bytes
    let mapped = options.map ?? true;
    for (let first = 0; first < rows; first += perChunk) {
      const count = Math.min(perChunk, rows - first);
      const offset = HEADER_BYTES + first * rowBytes;
      let bytes: ArrayBuffer | undefined;
      if (mapped) {
        try {
          bytes = device.map(files.rowsFile, offset, count * rowBytes);
        } catch (error) {
          if (!(error instanceof VideoClipError && error.code === "ERR_UNSUPPORTED")) throw error;
          mapped = false;
        }
      }
      bytes ??= readRows(device, files, offset, count * rowBytes);
      this.#chunks.push({ first, count, data: dtype === "f16" ? new Uint16Array(bytes) : new Float32Array(bytes) });
    }
    this.mapped = mapped;
  }

  /** The k best of all rows for each query. @param queries f32 `[Q, dim]` */
  async search(queries: Float32Array, k: number, signal?: AbortSignal): Promise<RankedRows[]> {
    let best = emptyRanks(queries.length / this.dim);
    for (const { first, data } of this.#chunks) {
      best = merge(best, await this.#run(queries, data, k, (row) => first + row, signal), k);
    }
    return best;
  }

  /** The k best of the rows in these disjoint ranges. */
  async searchRanges(
    queries: Float32Array,
    ranges: readonly RowRange[],
    k: number,
    signal?: AbortSignal,
  ): Promise<RankedRows[]> {
    let best = emptyRanks(queries.length / this.dim);
    for (const part of blocksOf(ranges)) {
      const rows = part.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
      best = merge(best, await this.#run(queries, this.gather(part), k, (row) => rows[row], signal), k);
    }
    return best;
  }

  /** The score of every row of a range: f32 `[count]`. */
  async scores(query: Float32Array, range: RowRange, signal?: AbortSignal): Promise<Float32Array> {
    const out = new Float32Array(range.count);
    for (const part of blocksOf([range])) {
      const [{ first, count }] = part;
      const [found] = await this.#run(query, this.gather(part), count, (row) => first + row, signal);
      found.rows.forEach((row, i) => {
        out[row - range.first] = found.scores[i];
      });
    }
    return out;
  }

  /** Concatenated copies of rows. */
  gather(ranges: readonly RowRange[]): RowArray {
    const total = ranges.reduce((sum, { count }) => sum + count, 0);
    const out = new (this.#dtype === "f16" ? Uint16Array : Float32Array)(total * this.dim);
    let at = 0;
    for (const range of ranges) {
      for (const chunk of this.#chunks) {
        const from = Math.max(range.first, chunk.first);
        const to = Math.min(range.first + range.count, chunk.first + chunk.count);
        if (to <= from) continue;
        out.set(chunk.data.subarray((from - chunk.first) * this.dim, (to - chunk.first) * this.dim), at);
        at += (to - from) * this.dim;
      }
    }
    return out;
  }

  /** Frees the programs. The memory is freed with the last reference to it. */
  dispose(): void {
    this.#programs.clear();
    this.#chunks = [];
  }

  async #run(
    queries: Float32Array,
    data: RowArray,
    k: number,
    toRow: (index: number) => number,
    signal?: AbortSignal,
  ): Promise<RankedRows[]> {
    const [Q, M] = [queries.length, data.length].map((length) => length / this.dim);
    const max = Math.min(k, M);
    const program = this.#programs.get(`${Q} ${M} ${max}`, () => {
      const graph = trace(() => {
        const rows = input("rows", [M, this.dim], this.#dtype);
        const [values, indices] = applyOp(topK, [input("queries", [Q, this.dim]), rows], { k: max, base: 0 });
        return { values, indices };
      });
      return compile(graph, this.device);
    });
    const { values, indices } = await program.run<{ values: Float32Array; indices: Int32Array }>(
      { queries, rows: data },
      { signal },
    );
    return Array.from({ length: Q }, (_, q) => ({
      rows: Array.from(indices.subarray(q * max, (q + 1) * max), toRow),
      scores: Array.from(values.subarray(q * max, (q + 1) * max)),
    }));
  }
}

const emptyRanks = (count: number): RankedRows[] => Array.from({ length: count }, () => ({ rows: [], scores: [] }));

/** The k best of two rankings of different rows: by score, then by row. */
function merge(a: RankedRows[], b: RankedRows[], k: number): RankedRows[] {
  return a.map((left, q) => {
    const right = b[q];
    const out: RankedRows = { rows: [], scores: [] };
    for (let [i, j] = [0, 0]; out.rows.length < k && (i < left.rows.length || j < right.rows.length);) {
      const fromLeft =
        j >= right.rows.length ||
        (i < left.rows.length &&
          (left.scores[i] > right.scores[j] || (left.scores[i] === right.scores[j] && left.rows[i] < right.rows[j])));
      const from = fromLeft ? left : right;
      const at = fromLeft ? i++ : j++;
      out.rows.push(from.rows[at]);
      out.scores.push(from.scores[at]);
    }
    return out;
  });
}

/** Ranges cut and grouped into blocks of at most `GATHERED_ROWS` rows. */
function* blocksOf(ranges: readonly RowRange[]): Generator<RowRange[]> {
  let block: RowRange[] = [];
  let room = GATHERED_ROWS;
  for (const range of ranges) {
    for (let { first, count } = range; count > 0;) {
      const taken = Math.min(count, room);
      block.push({ first, count: taken });
      first += taken;
      count -= taken;
      room -= taken;
      if (room > 0) continue;
      yield block;
      block = [];
      room = GATHERED_ROWS;
    }
  }
  if (block.length > 0) yield block;
}

function readRows(device: Device, files: IndexFiles, offset: number, bytes: number): ArrayBuffer {
  const memory = device.allocate(bytes, "u8");
  for (let done = 0; done < bytes;) {
    const n = readSync(files.rowsFile, memory, done, Math.min(bytes - done, 1 << 30), offset + done);
    if (n === 0) throw new IndexError(files.path("rows"), "the file became shorter while it was read");
    done += n;
  }
  return memory.buffer as ArrayBuffer;
}
