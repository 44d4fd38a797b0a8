/** Stored (not compressed) entries of a zip archive. See APPNOTE.TXT of PKWARE, sections 4.3 and 4.5.3 (ZIP64). */
import { crc32 } from "node:zlib";
import type { DurableFile } from "../base/files.js";
import type { Spool } from "./output_files.js";

const MAX_SHORT = 0xffff;
const MAX_LONG = 0xffffffff;
/** Version 4.5, which has ZIP64, on Unix. */
const VERSION = 45;
/** A file that its owner may write. */
const MODE = 0o100644 * 2 ** 16;
/** 1980-01-01, the first day that a zip can have, so that equal contents give equal archives. */
const DATE = 0x21;

/** Writes an archive in one pass; the directory is kept on disk until the end. */
export class ZipWriter {
  #bytes = 0;
  #count = 0;

  constructor(
    readonly file: DurableFile,
    readonly directory: Spool,
  ) {}

  /** Adds an entry. @param size its bytes, all parts together */
  add(name: string, size: number, parts: Iterable<Uint8Array>): void {
    const text = Buffer.from(name);
    const start = this.#bytes;
    const wide = size >= MAX_LONG ? zip64(size, size) : Buffer.alloc(0);
    const header = (crc: number) => {
      const fixed = Buffer.alloc(30);
      fixed.writeUInt32LE(0x04034b50, 0);
      writeFacts(fixed, 4, crc, size);
      fixed.writeUInt16LE(text.length, 26);
      fixed.writeUInt16LE(wide.length, 28);
      return Buffer.concat([fixed, text, wide]);
    };
    const place = header(0);
    this.file.write(place);
    let crc = 0;
    for (const part of parts) {
      crc = crc32(part, crc);
      this.file.write(part);
    }
    this.file.write(header(crc), start);
    this.#bytes += place.length + size;
    this.#list(text, crc, size, start);
  }

  /** Writes the directory and the end records. */
  finish(): void {
    const start = this.#bytes;
    const size = this.directory.bytes;
    for (const block of this.directory.blocks()) this.file.write(block);
    const count = this.#count;
    if (count >= MAX_SHORT || size >= MAX_LONG || start >= MAX_LONG) this.#finishWide(count, size, start);
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(Math.min(count, MAX_SHORT), 8);
    end.writeUInt16LE(Math.min(count, MAX_SHORT), 10);
    end.writeUInt32LE(Math.min(size, MAX_LONG), 12);
    end.writeUInt32LE(Math.min(start, MAX_LONG), 16);
    this.file.write(end);
  }

  #list(name: Buffer, crc: number, size: number, start: number): void {
    const wide = [...(size >= MAX_LONG ? [size, size] : []), ...(start >= MAX_LONG ? [start] : [])];
    const extra = wide.length > 0 ? zip64(...wide) : Buffer.alloc(0);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE((3 << 8) | VERSION, 4);
    writeFacts(entry, 6, crc, size);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt16LE(extra.length, 30);
    entry.writeUInt32LE(MODE, 38);
    entry.writeUInt32LE(Math.min(start, MAX_LONG), 42);
    this.directory.write(Buffer.concat([entry, name, extra]));
    this.#count++;
  }

  #finishWide(count: number, size: number, start: number): void {
    const end = Buffer.alloc(76);
    end.writeUInt32LE(0x06064b50, 0);
    end.writeBigUInt64LE(44n, 4);
    end.writeUInt16LE((3 << 8) | VERSION, 12);
    end.writeUInt16LE(VERSION, 14);
    [count, count, size, start].forEach((value, i) => end.writeBigUInt64LE(BigInt(value), 24 + 8 * i));
    end.writeUInt32LE(0x07064b50, 56);
    end.writeBigUInt64LE(BigInt(start + size), 64);
    end.writeUInt32LE(1, 72);
    this.file.write(end);
  }
}

/** Version, flags (names are UTF-8), method (stored), time, checksum and sizes, which both headers have. */
function writeFacts(header: Buffer, at: number, crc: number, size: number): void {
  header.writeUInt16LE(VERSION, at);
  header.writeUInt16LE(0x800, at + 2);
  header.writeUInt16LE(DATE, at + 8);
  header.writeUInt32LE(crc, at + 10);
  header.writeUInt32LE(Math.min(size, MAX_LONG), at + 14);
  header.writeUInt32LE(Math.min(size, MAX_LONG), at + 18);
}

/** The field of an entry with numbers that need 64 bits. */
function zip64(...values: number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(8 * values.length, 2);
  values.forEach((value, i) => field.writeBigUInt64LE(BigInt(value), 4 + 8 * i));
  return field;
}
