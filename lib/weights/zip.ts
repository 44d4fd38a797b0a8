import { asBuffer } from "./as_buffer.js";
import type { ByteFile } from "./byte_file.js";

export interface ZipEntry {
  name: string;
  /** Byte range of the (stored or deflated) data. */
  offset: number;
  size: number;
  method: number;
  inflated: number;
}

const MAX_ENTRIES = 200_000;
/** Flags of an entry whose bytes are not its content: encrypted, a patch, strongly encrypted, with a masked header. */
const UNREADABLE_FLAGS = 0x2061;

/**
 * Reads the central directory of a zip and checks it against the local headers. Refused are encryption, duplicate or
 * unsafe names, entries that overlap or reach outside the file, and methods that are not in `methods`.
 */
export function readZip(file: ByteFile, methods: readonly number[]): Map<string, ZipEntry> {
  const tail = Math.min(file.size, 65557);
  const end = asBuffer(file.read(file.size - tail, tail));
  const at = end.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  if (at < 0 || at + 22 > end.length) throw file.fail("no end of central directory: the file is cut off", file.size);
  if (at + 22 + end.readUInt16LE(at + 20) !== end.length)
    throw file.fail("bytes after the end record", file.size - tail + at);
  let count = end.readUInt16LE(at + 10);
  let size = end.readUInt32LE(at + 12);
  let start = end.readUInt32LE(at + 16);
  let limit = file.size - tail + at;
  // torch.save writes the ZIP64 records whether they are needed or not
  const locator = limit >= 20 ? asBuffer(file.read(limit - 20, 20)) : Buffer.alloc(20);
  if (locator.readUInt32LE(0) === 0x07064b50) {
    limit = Number(locator.readBigUInt64LE(8));
    const record = asBuffer(file.read(limit, 56));
    if (record.readUInt32LE(0) !== 0x06064b50) throw file.fail("broken ZIP64 end record", limit);
    const wide = [32, 40, 48].map((offset) => Number(record.readBigUInt64LE(offset)));
    const same = (short: number, full: number, value: number) => short === full || short === value;
    if (!same(count, 0xffff, wide[0]) || !same(size, 0xffffffff, wide[1]) || !same(start, 0xffffffff, wide[2])) {
      throw file.fail("the two end records differ", limit);
    }
    [count, size, start] = wide;
  }
  if (count > MAX_ENTRIES) throw file.fail(`${count} entries`, limit);
  if (start + size !== limit) throw file.fail("the central directory is not where the end record says", limit);
  const entries = readDirectory(file, asBuffer(file.read(start, size)), start, count, methods);
  checkOverlap(file, [...entries.values()], start);
  return entries;
}

function readDirectory(file: ByteFile, directory: Buffer, start: number, count: number, methods: readonly number[]) {
  const entries = new Map<string, ZipEntry>();
  let p = 0;
  for (let i = 0; i < count; i++) {
    if (p + 46 > directory.length || directory.readUInt32LE(p) !== 0x02014b50) {
      throw file.fail(`entry ${i} of ${count} is missing from the central directory`, start + p);
    }
    const flags = directory.readUInt16LE(p + 8);
    const method = directory.readUInt16LE(p + 10);
    const nameLength = directory.readUInt16LE(p + 28);
    const extraLength = directory.readUInt16LE(p + 30);
    const commentLength = directory.readUInt16LE(p + 32);
    if (p + 46 + nameLength + extraLength + commentLength > directory.length)
      throw file.fail("entry too long", start + p);
    const rawName = directory.subarray(p + 46, p + 46 + nameLength);
    const name = rawName.toString("utf8");
    const extra = directory.subarray(p + 46 + nameLength, p + 46 + nameLength + extraLength);
    const [inflated, size, local] = sizes(directory, p, extra);
    if (flags & UNREADABLE_FLAGS) throw file.fail(`entry ${name} is encrypted or a patch`, start + p);
    if (!methods.includes(method)) throw file.fail(`entry ${name} is compressed (method ${method})`, start + p);
    if (method === 0 && size !== inflated) throw file.fail(`entry ${name}: two sizes`, start + p);
    if (name.split("/").includes("..") || name.startsWith("/") || /[\\\0]/.test(name)) {
      throw file.fail(`unsafe entry name ${JSON.stringify(name)}`, start + p);
    }
    if (entries.has(name)) throw file.fail(`two entries are named ${JSON.stringify(name)}`, start + p);
    const header = asBuffer(file.read(local, 30));
    if (header.readUInt32LE(0) !== 0x04034b50) throw file.fail(`entry ${name} has no local header`, local);
    const localName = asBuffer(file.read(local + 30, header.readUInt16LE(26)));
    if (!localName.equals(rawName)) throw file.fail(`entry ${name} has another name in its local header`, local);
    const offset = local + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    if (offset + size > start) throw file.fail(`entry ${name} reaches into the central directory`, offset);
    entries.set(name, { name, offset, size, method, inflated });
    p += 46 + nameLength + extraLength + commentLength;
  }
  if (p !== directory.length) throw file.fail("bytes after the last directory entry", start + p);
  return entries;
}

/** Inflated size, stored size and local offset, from the ZIP64 extra field if the short fields are saturated. */
function sizes(directory: Buffer, p: number, extra: Buffer): [number, number, number] {
  const fields = [directory.readUInt32LE(p + 24), directory.readUInt32LE(p + 20), directory.readUInt32LE(p + 42)];
  for (let e = 0; e + 4 <= extra.length; e += 4 + extra.readUInt16LE(e + 2)) {
    if (extra.readUInt16LE(e) !== 1) continue;
    let at = e + 4;
    for (let i = 0; i < 3; i++) {
      if (fields[i] !== 0xffffffff || at + 8 > extra.length) continue;
      fields[i] = Number(extra.readBigUInt64LE(at));
      at += 8;
    }
  }
  return fields as [number, number, number];
}

function checkOverlap(file: ByteFile, entries: ZipEntry[], limit: number): void {
  let end = 0;
  for (const entry of entries.sort((a, b) => a.offset - b.offset)) {
    if (entry.offset < end) throw file.fail(`entry ${entry.name} overlaps another`, entry.offset);
    end = entry.offset + entry.size;
  }
  if (end > limit) throw file.fail("entries reach into the central directory", end);
}
