import { closeSync, openSync, readSync } from "node:fs";
import { removeIfPossible, writeAll } from "../base/files.js";
import { writing } from "../base/system_error.js";
import { mergeRows, type Row } from "./row.js";

/** Bytes of rows that are sorted in memory at a time. */
const CHUNK = 16 << 20;
/** Bytes in memory for reading all sorted runs, and limits for one of them. */
const [READ, MIN_READ, MAX_READ] = [16 << 20, 1 << 14, 1 << 18];
/** Bytes of the lengths before each row of a run. */
const LENGTHS = 8;

/**
 * Sorts any number of rows by key in bounded memory: chunks are sorted and written to a file as runs, which are merged.
 * Rows with equal keys keep the order in which they were added.
 */
export class RowSorter {
  #bytes: Buffer | undefined;
  #used = 0;
  #count = 0;
  #starts = new Uint32Array(1024);
  #keys = new Uint32Array(1024);
  #values = new Uint32Array(1024);
  #runs: { from: number; to: number }[] = [];
  #file: number | undefined;
  #size = 0;

  /** @param path of the file for the runs, which is removed by `dispose` */
  constructor(
    readonly path: string,
    private readonly chunk = CHUNK,
  ) {}

  add(key: Uint8Array, value: Uint8Array): void {
    const needed = key.length + value.length;
    if (this.#count > 0 && this.#used + needed > this.chunk) this.#spill();
    if (!this.#bytes || this.#bytes.length < this.#used + needed) {
      const larger = Buffer.allocUnsafe(Math.max(Math.min(this.chunk, 2 * this.#used), this.#used + needed, 1 << 16));
      if (this.#bytes) larger.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = larger;
    }
    if (this.#count === this.#starts.length) {
      this.#starts = doubled(this.#starts);
      this.#keys = doubled(this.#keys);
      this.#values = doubled(this.#values);
    }
    this.#bytes.set(key, this.#used);
    this.#bytes.set(value, this.#used + key.length);
    this.#starts[this.#count] = this.#used;
    this.#keys[this.#count] = key.length;
    this.#values[this.#count++] = value.length;
    this.#used += needed;
  }

  /** All rows in order; each is valid until the next one is asked for. May be called again. @throws VideoClipError `ERR_WRITE` when the disk is full */
  sorted(): Generator<Row> {
    if (this.#runs.length === 0) return this.#inMemory();
    if (this.#count > 0) this.#spill();
    this.#bytes = undefined;
    const block = Math.min(MAX_READ, Math.max(MIN_READ, Math.floor(READ / this.#runs.length)));
    return mergeRows(this.#runs.map((run) => readRun(this.#file!, run, block)));
  }

  dispose(): void {
    if (this.#file === undefined) return;
    closeSync(this.#file);
    this.#file = undefined;
    removeIfPossible(this.path);
  }

  /** Positions of the rows of the chunk, in order. */
  #order(): Uint32Array {
    const [bytes, starts, keys] = [this.#bytes!, this.#starts, this.#keys];
    const order = new Uint32Array(this.#count).map((_, i) => i);
    const common = this.#common();
    // most comparisons are decided by the four bytes after those that all keys of the chunk have in common
    const heads = new Float64Array(this.#count);
    for (let i = 0; i < this.#count; i++) {
      let head = 0;
      for (let j = common; j < common + 4; j++) head = head * 257 + (j < keys[i] ? bytes[starts[i] + j] + 1 : 0);
      heads[i] = head;
    }
    return order.sort((a, b) => {
      if (heads[a] !== heads[b]) return heads[a] - heads[b];
      const [from, other] = [starts[a], starts[b]];
      const length = Math.min(keys[a], keys[b]);
      for (let i = common; i < length; i++) {
        const difference = bytes[from + i] - bytes[other + i];
        if (difference !== 0) return difference;
      }
      return keys[a] - keys[b] || a - b;
    });
  }

  /** Number of first bytes that all keys of the chunk have in common. */
  #common(): number {
    const bytes = this.#bytes!;
    let common = this.#keys[0];
    for (let i = 1; i < this.#count && common > 0; i++) {
      const limit = Math.min(common, this.#keys[i]);
      let same = 0;
      while (same < limit && bytes[this.#starts[i] + same] === bytes[this.#starts[0] + same]) same++;
      common = same;
    }
    return common;
  }

  *#inMemory(): Generator<Row> {
    if (this.#count === 0) return;
    const bytes = this.#bytes!;
    for (const i of this.#order()) {
      const [start, middle] = [this.#starts[i], this.#starts[i] + this.#keys[i]];
      yield { key: bytes.subarray(start, middle), value: bytes.subarray(middle, middle + this.#values[i]) };
    }
  }

  #spill(): void {
    writing(this.path, () => {
      this.#file ??= openSync(this.path, "w+");
      const from = this.#size;
      let block = Buffer.allocUnsafe(1 << 20);
      let used = 0;
      const flush = () => {
        writeAll(this.#file!, block.subarray(0, used), this.#size);
        this.#size += used;
        used = 0;
      };
      for (const i of this.#order()) {
        const length = this.#keys[i] + this.#values[i];
        if (used + LENGTHS + length > block.length) flush();
        if (LENGTHS + length > block.length) block = Buffer.allocUnsafe(LENGTHS + length);
        block.writeUInt32LE(this.#keys[i], used);
        block.writeUInt32LE(this.#values[i], used + 4);
        this.#bytes!.copy(block, used + LENGTHS, this.#starts[i], this.#starts[i] + length);
        used += LENGTHS + length;
      }
      flush();
      this.#runs.push({ from, to: this.#size });
    });
    this.#used = this.#count = 0;
  }
}

function doubled(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * array.length);
  larger.set(array);
  return larger;
}

/** The rows of a run, in one block of memory. */
function* readRun(file: number, { from, to }: { from: number; to: number }, size: number): Generator<Row> {
  let block = Buffer.allocUnsafe(size);
  let [begin, end] = [0, 0];
  let position = from;
  const fill = (needed: number) => {
    const next = needed > block.length ? Buffer.allocUnsafe(needed) : block;
    block.copy(next, 0, begin, end);
    [block, begin, end] = [next, 0, end - begin];
    while (end < block.length && position < to) {
      const count = readSync(file, block, end, Math.min(block.length - end, to - position), position);
      if (count === 0) throw new Error("the file of a sort has become shorter");
      end += count;
      position += count;
    }
  };
  while (begin < end || position < to) {
    if (end - begin < LENGTHS) fill(LENGTHS);
    const [key, value] = [block.readUInt32LE(begin), block.readUInt32LE(begin + 4)];
    if (end - begin < LENGTHS + key + value) fill(LENGTHS + key + value);
    const start = begin + LENGTHS;
    begin = start + key + value;
    yield { key: block.subarray(start, start + key), value: block.subarray(start + key, begin) };
  }
}
