/** Tar archives (ustar) of plain files. See https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html. */
import { asBuffer } from "./as_buffer.js";
import type { ByteFile } from "./byte_file.js";

const BLOCK = 512;
/** Every entry has this time, 1980-01-01 as in zip archives, so that equal contents give equal archives. */
const TIME = 315_532_800;
/** Sizes from here on have no place in 11 octal digits. */
const LARGE = 8 ** 11;
/** Bytes of a name or of extended headers at most. */
const MAX_EXTENDED = 1 << 20;

/** Bytes that an entry takes in an archive. */
export const tarEntryBytes = (size: number): number => BLOCK + Math.ceil(size / BLOCK) * BLOCK;

/** Zeros that follow the content of an entry. */
export const tarPadding = (size: number): Uint8Array => new Uint8Array(Math.ceil(size / BLOCK) * BLOCK - size);

/** The end of an archive. */
export const tarEnd = (): Uint8Array => new Uint8Array(2 * BLOCK);

/** The header of a file. @param name at most 100 bytes of ASCII */
export function tarHeader(name: string, size: number): Uint8Array {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number) =>
    header.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  header.write(name, 0, 100, "latin1");
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  if (size < LARGE) octal(size, 124, 12);
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  octal(TIME, 136, 12);
  header.write("        0", 148, "latin1"); // blanks in place of the checksum; type 0 is a file
  header.write("ustar\x0000", 257, "latin1");
  header.write(`${checksum(header).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** The sum of a header's bytes, with blanks in place of the checksum. */
function checksum(header: Uint8Array): number {
  return header.reduce((sum, byte, i) => sum + (i >= 148 && i < 156 ? 32 : byte), 0);
}

/** A file in an archive. */
export interface TarEntry {
  name: string;
  /** Position and bytes of its content. */
  offset: number;
  size: number;
}

/**
 * Yields the files of an archive in order; only headers are read. Long names of pax and GNU are understood.
 * @throws WeightsError with the byte where the archive is broken or cut off
 */
export function* readTar(file: ByteFile): Generator<TarEntry> {
  let [name, size]: [string | undefined, number | undefined] = [undefined, undefined];
  for (let at = 0; at < file.size;) {
    if (at + BLOCK > file.size) throw file.fail("the archive is cut off in a header", at);
    const header = asBuffer(file.read(at, BLOCK));
    if (header.every((byte) => byte === 0)) return;
    if (numberAt(header, 148, 8) !== checksum(header)) throw file.fail("this is no header of a tar archive", at);
    const type = String.fromCharCode(header[156]);
    const length = size ?? numberAt(header, 124, 12);
    const offset = at + BLOCK;
    if (!Number.isSafeInteger(length) || length < 0 || offset + length > file.size)
      throw file.fail(`an entry of ${length} bytes reaches beyond the archive: it is cut off`, at);
    at = offset + Math.ceil(length / BLOCK) * BLOCK;
    if (type === "x" || type === "g" || type === "L") {
      if (length > MAX_EXTENDED) throw file.fail(`an extended header of ${length} bytes`, offset);
      const bytes = asBuffer(file.read(offset, length));
      if (type === "L") name = textAt(bytes, 0, length);
      if (type === "x") [name, size] = extended(bytes, name);
      continue;
    }
    if (type === "0" || type === "\0") yield { name: name ?? nameOf(header), offset, size: length };
    [name, size] = [undefined, undefined];
  }
}

const textAt = (header: Buffer, at: number, length: number): string =>
  header.toString("utf8", at, at + length).replace(/\0[^]*$/, "");

function nameOf(header: Buffer): string {
  const name = textAt(header, 0, 100);
  const prefix = textAt(header, 257, 6) === "ustar" ? textAt(header, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Octal digits, or a binary number of GNU. */
function numberAt(header: Buffer, at: number, length: number): number {
  if (header[at] === 0x80) return Number(header.readBigUInt64BE(at + length - 8));
  const digits = textAt(header, at, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}

/** Name and size in records `LENGTH KEY=VALUE\n` of pax. @param name the name without them */
function extended(bytes: Buffer, name: string | undefined): [string | undefined, number | undefined] {
  let size: number | undefined;
  for (let at = 0; at < bytes.length;) {
    const length = Number.parseInt(bytes.toString("latin1", at, at + 20), 10);
    if (!(length > 0)) break;
    const record = bytes.toString("utf8", bytes.indexOf(" ", at) + 1, at + length - 1);
    if (record.startsWith("path=")) name = record.slice("path=".length);
    if (record.startsWith("size=")) size = Number(record.slice("size=".length));
    at += length;
  }
  return [name, size];
}
