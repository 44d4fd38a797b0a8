import { concatUint8Arrays } from "typed-array-utils";
import { floatToHalf } from "../base/half_floats.js";

const DESCRIPTIONS = { f32: "<f4", f16: "<f2", u8: "|u1" } as const;

/** Header of an .npy file (version 1.0), padded so that the data begins at a multiple of 64 bytes. */
export function npyHeader(shape: readonly number[], dtype: "f32" | "f16" | "u8"): Uint8Array {
  const list = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${DESCRIPTIONS[dtype]}', 'fortran_order': False, 'shape': (${list}), }`;
  const length = Math.ceil((10 + text.length + 1) / 64) * 64;
  const header = Buffer.alloc(length, " ");
  header.write("\x93NUMPY\x01\x00", "latin1");
  header.writeUInt16LE(length - 10, 8);
  header.write(text, 10, "latin1");
  header[length - 1] = 10;
  return header;
}

/** Values as little-endian bytes in the dtype of a feature file; f16 is rounded to nearest even. */
export function npyData(data: Float32Array, dtype: "f32" | "f16"): Uint8Array {
  if (dtype === "f32") return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const half = new Uint16Array(data.length);
  for (let i = 0; i < data.length; i++) half[i] = floatToHalf(data[i]);
  return new Uint8Array(half.buffer);
}

/** A whole .npy file. */
export function npyBytes(data: Float32Array, shape: readonly number[], dtype: "f32" | "f16"): Uint8Array {
  return concatUint8Arrays(npyHeader(shape, dtype), npyData(data, dtype));
}

/** A one-dimensional .npy file of strings, as numpy saves a list of words. */
export function npyStrings(list: readonly string[]): Uint8Array {
  const codes = list.map((text) => Array.from(text, (c) => c.codePointAt(0)!));
  const width = Math.max(1, ...codes.map(({ length }) => length));
  const text = `{'descr': '<U${width}', 'fortran_order': False, 'shape': (${list.length},), }`;
  const start = Math.ceil((10 + text.length + 1) / 64) * 64;
  const bytes = Buffer.alloc(start + 4 * width * list.length);
  bytes.fill(" ", 10, start);
  bytes.write("\x93NUMPY\x01\x00", "latin1");
  bytes.writeUInt16LE(start - 10, 8);
  bytes.write(text, 10, "latin1");
  bytes[start - 1] = 10;
  codes.forEach((word, i) => word.forEach((code, j) => bytes.writeUInt32LE(code, start + 4 * (i * width + j))));
  return bytes;
}
