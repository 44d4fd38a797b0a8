import { inflateRawSync } from "node:zlib";
import { halfToFloat } from "../base/half_floats.js";
import { asBuffer } from "./as_buffer.js";
import { ByteFile } from "./byte_file.js";
import { countElements } from "./tensor.js";
import { readZip } from "./zip.js";

/** An array of a .npy file: numbers as float64 (64-bit integers are rounded), or strings. */
export interface NpyArray {
  shape: number[];
  data: Float64Array | string[];
}

const MAX_HEADER = 1 << 16;
const READERS: Record<string, [number, (b: Buffer, at: number) => number]> = {
  "<f8": [8, (b, at) => b.readDoubleLE(at)],
  "<f2": [2, (b, at) => halfToFloat(b.readUInt16LE(at))],
  "<f4": [4, (b, at) => b.readFloatLE(at)],
  "<i8": [8, (b, at) => Number(b.readBigInt64LE(at))],
  "<u8": [8, (b, at) => Number(b.readBigUInt64LE(at))],
  "<i4": [4, (b, at) => b.readInt32LE(at)],
  "<u4": [4, (b, at) => b.readUInt32LE(at)],
  "<i2": [2, (b, at) => b.readInt16LE(at)],
  "<u2": [2, (b, at) => b.readUInt16LE(at)],
  "|i1": [1, (b, at) => b.readInt8(at)],
  "|u1": [1, (b, at) => b[at]],
  "|b1": [1, (b, at) => b[at]],
};

/** The header of an array. @returns `at`: position of its values */
function parseHeader(file: ByteFile, bytes: Buffer, start: number) {
  if (bytes.length < 12 || bytes.toString("latin1", 0, 6) !== "\x93NUMPY") throw file.fail("not an .npy array", start);
  const version = bytes[6];
  if (version < 1 || version > 3 || bytes[7] !== 0) throw file.fail(`.npy version ${version}.${bytes[7]}`, start + 6);
  const prefix = version === 1 ? 10 : 12;
  const length = version === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8);
  if (length > MAX_HEADER || prefix + length > bytes.length)
    throw file.fail("the .npy header reaches beyond the data", start + 8);
  const text = bytes.toString("latin1", prefix, prefix + length);
  const match =
    /^\{\s*'descr':\s*'([^']{2,16})',\s*'fortran_order':\s*(True|False),\s*'shape':\s*\(([0-9, ]*)\),?\s*\}\s*$/.exec(
      text,
    );
  // numpy refuses other blanks than those of Python
  if (!match || /[^\x20-\x7e\t\n\f\r]/.test(text))
    throw file.fail("an .npy header that is not descr, fortran_order and shape", start + prefix);
  const [, descr, fortran, list] = match;
  const shape = list
    .split(",")
    .filter((s) => s.trim() !== "")
    .map(Number);
  return { descr, fortran, list, shape, prefix, at: prefix + length };
}

/** Shape of the array in an .npy file; only the header is read. */
export function npyShape(path: string): number[] {
  const file = new ByteFile(path);
  try {
    return parseHeader(file, asBuffer(file.read(0, Math.min(file.size, 12 + MAX_HEADER))), 0).shape;
  } finally {
    file.close();
  }
}

/** Where the values of an .npy file are. */
export interface NpyLayout {
  shape: number[];
  /** Type of the values as numpy writes it, such as `<f2`. */
  descr: string;
  /** Whether the last index runs fastest. */
  rowMajor: boolean;
  /** Position of the first value. */
  at: number;
}

/**
 * Reads the header of an .npy file, so that its values can be read in parts.
 * @throws WeightsError for anything else, and for values of a known type that do not fill the file
 */
export function npyLayout(file: ByteFile): NpyLayout {
  const { descr, fortran, shape, at, list } = parseHeader(file, asBuffer(file.read(0, Math.min(file.size, 12 + MAX_HEADER))), 0); // prettier-ignore
  const [count, size] = [countElements(shape), READERS[descr]?.[0]];
  if (count === undefined || (size !== undefined && count * size !== file.size - at)) {
    throw file.fail(`.npy shape (${list}) does not fit ${file.size - at} bytes of data`, at);
  }
  return { shape, descr, rowMajor: fortran === "False" || shape.length < 2, at };
}

/** Reads .npy bytes. Fields of the header are matched, never evaluated; object arrays (pickles) are refused. */
function parseNpy(file: ByteFile, bytes: Buffer, start = 0): NpyArray {
  const { descr, fortran, list, shape, prefix, at } = parseHeader(file, bytes, start);
  const count = countElements(shape);
  const unicode = /^<U(\d{1,6})$/.exec(descr);
  const itemSize = unicode ? 4 * Number(unicode[1]) : READERS[descr]?.[0];
  if (itemSize === undefined) throw file.fail(`.npy values of type ${descr} are not read`, start + prefix);
  if (count === undefined || count * itemSize !== bytes.length - at) {
    throw file.fail(`.npy shape (${list}) does not fit ${bytes.length - at} bytes of data`, start + at);
  }
  if (count > 2 ** 31) throw file.fail("an .npy array of more than 2^31 values", start + prefix);
  const columns = fortran === "True" && shape.length > 1;
  if (unicode) {
    if (columns) throw file.fail("strings in Fortran order", start + prefix);
    return { shape, data: readStrings(file, bytes, at, count, itemSize / 4, start) };
  }
  const data = new Float64Array(count);
  const read = READERS[descr][1];
  for (let i = 0; i < count; i++) data[i] = read(bytes, at + i * itemSize);
  return { shape, data: columns ? fromColumns(data, shape) : data };
}

/** Row-major order of values whose first index runs fastest. */
function fromColumns(values: Float64Array, shape: readonly number[]): Float64Array {
  const rows = new Float64Array(values.length);
  const index = new Array<number>(shape.length).fill(0);
  const strides = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  for (const value of values) {
    rows[index.reduce((at, k, i) => at + k * strides[i], 0)] = value;
    for (let i = 0; i < shape.length && ++index[i] === shape[i]; i++) index[i] = 0;
  }
  return rows;
}

function readStrings(file: ByteFile, bytes: Buffer, at: number, count: number, width: number, start: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    let text = "";
    for (let c = 0; c < width; c++) {
      const place = at + 4 * (i * width + c);
      const code = bytes.readUInt32LE(place);
      if (code === 0) break;
      if (code > 0x10ffff) throw file.fail("a character beyond Unicode", start + place);
      text += String.fromCodePoint(code);
    }
    return text;
  });
}

/** Reads an .npy file. */
export function readNpy(file: ByteFile): NpyArray {
  return parseNpy(file, asBuffer(file.read(0, file.size)));
}

/** Reads an .npy file that is a part of another file. */
export const readNpyAt = (file: ByteFile, offset: number, size: number): NpyArray =>
  parseNpy(file, asBuffer(file.read(offset, size)), offset);

/** Reads an .npz file. Deflated entries must not inflate beyond the size that the archive declares. */
export function readNpz(file: ByteFile): Map<string, NpyArray> {
  const arrays = new Map<string, NpyArray>();
  for (const entry of readZip(file, [0, 8]).values()) {
    let bytes = asBuffer(file.read(entry.offset, entry.size));
    if (entry.method === 8) {
      if (entry.inflated > 1032 * entry.size + 64)
        throw file.fail(`entry ${entry.name} claims ${entry.inflated} bytes`, entry.offset);
      try {
        bytes = inflateRawSync(bytes, { maxOutputLength: Math.max(1, entry.inflated) });
      } catch {
        throw file.fail(`entry ${entry.name} cannot be inflated to its declared size`, entry.offset);
      }
      if (bytes.length !== entry.inflated)
        throw file.fail(`entry ${entry.name} inflates to another size`, entry.offset);
    }
    arrays.set(entry.name.replace(/\.npy$/, ""), parseNpy(file, bytes, entry.offset));
  }
  return arrays;
}
