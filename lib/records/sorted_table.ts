import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { crc32 } from "node:zlib";
import { DatasetError } from "../base/errors.js";
import { syncFile, writeAll } from "../base/files.js";
import { writing } from "../base/system_error.js";
import { compareKeys, type Row } from "./row.js";

/**
 * A table: blocks of rows; a list of the blocks with their first keys; a footer. A row is the number of first bytes that
 * its key shares with the key before it in the block, the lengths of the rest and of the value (each in 7 bits a byte),
 * the rest and the value. A block ends with the CRC-32 of its rows. The list has for each block: f64 position, u32 bytes, u32
 * length of the key, the key. The footer has f64 position of the list, f64 number of rows, u32 CRC-32 of the list, u32
 * number of blocks, and the magic. Numbers are little-endian.
 */
const MAGIC = Buffer.from("VCTABLE1", "latin1");
const FOOTER = 32;
const ENTRY = 16;
const CHECK = 4;
/** Bytes of rows after which a block ends. */
const BLOCK = 1 << 14;
/** Blocks that are kept in memory. */
const CACHED = 16;

/** Writes a table. Rows must come in the order of their keys. */
export class TableWriter {
  #file: number;
  #block = Buffer.allocUnsafe(2 * BLOCK);
  #used = 0;
  #size = 0;
  #rows = 0;
  #last = Buffer.allocUnsafe(256);
  #lastLength = 0;
  #list = Buffer.alloc(1 << 12);
  #listLength = 0;
  #blocks = 0;
  #first: Buffer | undefined;

  constructor(readonly path: string) {
    this.#file = writing(path, () => openSync(path, "wx"));
  }

  add(key: Uint8Array, value: Uint8Array): void {
    if (this.#used >= BLOCK) this.#flush();
    let shared = 0;
    if (this.#first) {
      const limit = Math.min(key.length, this.#lastLength);
      while (shared < limit && key[shared] === this.#last[shared]) shared++;
    } else this.#first = Buffer.from(key);
    const needed = this.#used + 15 + key.length - shared + value.length;
    if (needed + CHECK > this.#block.length) {
      const larger = Buffer.allocUnsafe(2 * needed + CHECK);
      this.#block.copy(larger, 0, 0, this.#used);
      this.#block = larger;
    }
    this.#number(shared);
    this.#number(key.length - shared);
    this.#number(value.length);
    this.#block.set(shared === 0 ? key : key.subarray(shared), this.#used);
    this.#used += key.length - shared;
    this.#block.set(value, this.#used);
    this.#used += value.length;
    if (key.length > this.#last.length) this.#last = Buffer.allocUnsafe(2 * key.length);
    this.#last.set(key);
    this.#lastLength = key.length;
    this.#rows++;
  }

  #number(value: number): void {
    while (value > 127) {
      this.#block[this.#used++] = (value & 127) | 128;
      value >>>= 7;
    }
    this.#block[this.#used++] = value;
  }

  #flush(): void {
    if (!this.#first) return;
    this.#block.writeUInt32LE(crc32(this.#block.subarray(0, this.#used)), this.#used);
    this.#used += CHECK;
    const at = this.#listLength;
    this.#listLength += ENTRY + this.#first.length;
    if (this.#listLength > this.#list.length) {
      const larger = Buffer.alloc(2 * this.#listLength);
      this.#list.copy(larger, 0, 0, at);
      this.#list = larger;
    }
    this.#list.writeDoubleLE(this.#size, at);
    this.#list.writeUInt32LE(this.#used, at + 8);
    this.#list.writeUInt32LE(this.#first.length, at + 12);
    this.#list.set(this.#first, at + ENTRY);
    this.#blocks++;
    this.#write(this.#block.subarray(0, this.#used));
    this.#used = 0;
    this.#first = undefined;
  }

  #write(bytes: Uint8Array): void {
    writing(this.path, () => writeAll(this.#file, bytes, this.#size));
    this.#size += bytes.length;
  }

  /** Writes the rest and makes the file durable. @returns its size and number of rows */
  finish(): { bytes: number; rows: number } {
    this.#flush();
    const list = this.#list.subarray(0, this.#listLength);
    const footer = Buffer.alloc(FOOTER);
    footer.writeDoubleLE(this.#size, 0);
    footer.writeDoubleLE(this.#rows, 8);
    footer.writeUInt32LE(crc32(list), 16);
    footer.writeUInt32LE(this.#blocks, 20);
    footer.set(MAGIC, 24);
    this.#write(list);
    this.#write(footer);
    writing(this.path, () => syncFile(this.#file));
    this.close();
    return { bytes: this.#size, rows: this.#rows };
  }

  close(): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
  }
}

/** Reads a table. Its list of blocks is in memory: about 60 bytes for 16 KB of rows. */
export class SortedTable {
  readonly rows: number;
  readonly bytes: number;
  #file: number;
  #list: Buffer;
  /** Positions of the entries in the list. */
  #entries: Uint32Array;
  #cache = new Map<number, Buffer>();

  /** @throws DatasetError `ERR_INDEX_DAMAGED` for a file that is no complete table; the system's error */
  constructor(readonly path: string) {
    this.#file = openSync(path, "r");
    try {
      this.bytes = fstatSync(this.#file).size;
      if (this.bytes < FOOTER) throw this.#damage("is cut");
      const footer = this.#read(this.bytes - FOOTER, FOOTER);
      if (!footer.subarray(24).equals(MAGIC)) throw this.#damage("is cut, or no table");
      const at = footer.readDoubleLE(0);
      if (!(at >= 0 && at <= this.bytes - FOOTER)) throw this.#damage("has no list of blocks");
      this.rows = footer.readDoubleLE(8);
      this.#list = this.#read(at, this.bytes - FOOTER - at);
      if (crc32(this.#list) !== footer.readUInt32LE(16)) throw this.#damage("has a damaged list of blocks");
      this.#entries = new Uint32Array(footer.readUInt32LE(20));
      for (let i = 0, position = 0; i < this.#entries.length; i++) {
        this.#entries[i] = position;
        position += ENTRY + this.#list.readUInt32LE(position + 12);
      }
    } catch (error) {
      closeSync(this.#file);
      throw error instanceof RangeError ? this.#damage("has a damaged list of blocks") : error;
    }
  }

  close(): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
    this.#cache.clear();
  }

  /** The values of all rows with a key. */
  get(key: Uint8Array): Uint8Array[] {
    const values: Uint8Array[] = [];
    const first = this.#blockOf(key);
    for (let i = first; i < this.#entries.length; i++) {
      if (i > first && this.#compareFirst(i, key) > 0) break;
      if (i >= 0 && findIn(this.#block(i), key, values)) break;
    }
    return values;
  }

  /** All rows in order, from a key on. */
  *range(from: Uint8Array = NO_KEY): Generator<Row> {
    const first = this.#blockOf(from);
    for (let i = Math.max(0, first); i < this.#entries.length; i++) {
      for (const row of rowsOf(i === first ? this.#block(i) : this.#readBlock(i))) {
        if (i > first || compareKeys(row.key, from) >= 0) yield row;
      }
    }
  }

  /** The rows whose keys begin with some bytes. */
  *startingWith(prefix: Uint8Array): Generator<Row> {
    for (const row of this.range(prefix)) {
      if (row.key.length < prefix.length || compareKeys(row.key.subarray(0, prefix.length), prefix) !== 0) return;
      yield row;
    }
  }

  /** The last block whose first key is before the key, where rows with it can begin; at least -1. */
  #blockOf(key: Uint8Array): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compareFirst(middle, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Compares the first key of a block. */
  #compareFirst(block: number, key: Uint8Array): number {
    const at = this.#entries[block];
    const length = this.#list.readUInt32LE(at + 12);
    return this.#list.compare(key, 0, key.length, at + ENTRY, at + ENTRY + length);
  }

  #block(i: number): Buffer {
    const known = this.#cache.get(i);
    if (known) return known;
    const block = this.#readBlock(i);
    if (this.#cache.size >= CACHED) this.#cache.delete(this.#cache.keys().next().value!);
    this.#cache.set(i, block);
    return block;
  }

  #readBlock(i: number): Buffer {
    const at = this.#entries[i];
    const block = this.#read(this.#list.readDoubleLE(at), this.#list.readUInt32LE(at + 8));
    const end = block.length - CHECK;
    if (end < 0 || crc32(block.subarray(0, end)) !== block.readUInt32LE(end)) throw this.#damage(`has a damaged block`);
    return block.subarray(0, end);
  }

  #read(at: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; done < length;) {
      const count = readSync(this.#file, bytes, done, length - done, at + done);
      if (count === 0) throw this.#damage("has become shorter");
      done += count;
    }
    return bytes;
  }

  #damage(what: string): DatasetError {
    return new DatasetError("ERR_INDEX_DAMAGED", `${this.path} ${what}: delete its folder, and it is made again`, {
      file: this.path,
    });
  }
}

const NO_KEY = new Uint8Array(0);

/** Reads the numbers of a block, each in as few bytes as it needs. */
class BlockReader {
  /** Position of the next byte. */
  at = 0;

  constructor(private readonly block: Buffer) {}

  number(): number {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = this.block[this.at++];
      value |= (byte & 127) << shift;
      if (!(byte > 127)) return value >>> 0; // also behind the end of the block
      shift += 7;
    }
  }
}

/** Collects the values of a key in a block. @returns whether a later key was seen, behind which there are no more */
function findIn(block: Buffer, key: Uint8Array, values: Uint8Array[]): boolean {
  const reader = new BlockReader(block);
  // number of first bytes that the key of the row has in common with `key`, while it is before it
  let matched = 0;
  while (reader.at < block.length) {
    const [shared, rest, length] = [reader.number(), reader.number(), reader.number()];
    const start = reader.at;
    reader.at += rest + length;
    if (shared > matched) continue; // differs from `key` where the row before does
    if (shared < matched) return true;
    let i = 0;
    while (i < rest && matched < key.length && block[start + i] === key[matched]) {
      i++;
      matched++;
    }
    if (i < rest) {
      if (matched === key.length || block[start + i] > key[matched]) return true;
    } else if (matched === key.length) values.push(block.subarray(start + rest, reader.at));
  }
  return false;
}

/** The rows of a block. */
function* rowsOf(block: Buffer): Generator<Row> {
  const reader = new BlockReader(block);
  let before: Uint8Array = NO_KEY;
  while (reader.at < block.length) {
    const [shared, rest, length] = [reader.number(), reader.number(), reader.number()];
    const key = Buffer.allocUnsafe(shared + rest);
    for (let i = 0; i < shared; i++) key[i] = before[i];
    const from = reader.at;
    for (let i = 0; i < rest; i++) key[shared + i] = block[from + i];
    reader.at += rest + length;
    yield { key, value: block.subarray(from + rest, reader.at) };
    before = key;
  }
}
