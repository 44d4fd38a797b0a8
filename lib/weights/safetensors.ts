import { WeightsError } from "../base/errors.js";
import { writeDurably } from "../base/files.js";
import { type Json, JsonError, parseStrictJson } from "./json.js";
import { asBuffer } from "./as_buffer.js";
import type { ByteFile } from "./byte_file.js";
import { countElements, STORED_BYTES, type StoredDType, type StoredTensor } from "./tensor.js";

const MAX_HEADER = 100_000_000;
const MAX_NAME = 4096;

/**
 * Reads a safetensors file strictly: with the reference's checks, and without its tolerance (duplicates, unknown
 * fields).
 */
export function readSafetensors(file: ByteFile): {
  tensors: Map<string, StoredTensor>;
  metadata: Record<string, string>;
} {
  if (file.size < 8) throw file.fail(`a safetensors file has at least 8 bytes, this one ${file.size}`, 0);
  const length = asBuffer(file.read(0, 8)).readBigUInt64LE(0);
  if (length > BigInt(MAX_HEADER)) throw file.fail(`header length ${length} is above ${MAX_HEADER}`, 0);
  const header = Number(length);
  if (8 + header > file.size) throw file.fail(`header length ${header} reaches beyond the file`, 0);
  const root = parseHeader(file, asBuffer(file.read(8, header)));
  const metadata: Record<string, string> = Object.create(null);
  const entries: { name: string; begin: number; end: number }[] = [];
  const tensors = new Map<string, StoredTensor>();
  for (const [name, value] of root) {
    if (name === "__metadata__") {
      if (!(value instanceof Map)) throw keyError(file, name, "metadata must be an object of strings");
      for (const [key, text] of value) {
        if (typeof text !== "string") throw keyError(file, name, `metadata ${key} must be a string`);
        metadata[key] = text;
      }
      continue;
    }
    const { dtype, shape, begin, end } = parseEntry(file, name, value);
    entries.push({ name, begin, end });
    const start = 8 + header + begin;
    tensors.set(name, {
      dtype,
      shape,
      byte: start,
      read: () => file.read(start, end - begin),
      readAsync: (signal) => file.readAsync(start, end - begin, signal),
      parts: (signal) => file.chunks(start, end - begin, signal),
    });
  }
  let expected = 0;
  for (const { name, begin, end } of entries.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== expected)
      throw keyError(file, name, `data begins at ${begin}, expected ${expected}: no gaps, no overlaps`);
    expected = end;
  }
  if (8 + header + expected !== file.size) {
    throw file.fail(`data ends at byte ${8 + header + expected}, the file at ${file.size}`, 8 + header + expected);
  }
  return { tensors, metadata };
}

function keyError(file: ByteFile, key: string, message: string): WeightsError {
  return new WeightsError(`${file.path}: ${JSON.stringify(key.slice(0, 200))}: ${message}`, { file: file.path, key });
}

function parseHeader(file: ByteFile, bytes: Buffer): Map<string, Json> {
  if (bytes[0] !== 0x7b) throw file.fail("the header must start with {", 8);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw file.fail("the header is not UTF-8", 8);
  }
  try {
    return parseStrictJson(text) as Map<string, Json>;
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw file.fail(`header: ${error.message}`, 8 + error.at);
  }
}

function parseEntry(file: ByteFile, name: string, value: Json) {
  const fail = (message: string) => keyError(file, name, message);
  if (name.length > MAX_NAME) throw fail("the name is too long");
  if (!(value instanceof Map)) throw fail("expected an object");
  const extra = [...value.keys()].filter((key) => !["dtype", "shape", "data_offsets"].includes(key));
  if (extra.length > 0) throw fail(`unknown field ${extra[0]}`);
  const dtype = value.get("dtype");
  const shape = value.get("shape");
  const offsets = value.get("data_offsets");
  if (typeof dtype !== "string" || !Object.hasOwn(STORED_BYTES, dtype))
    throw fail(`unknown dtype ${JSON.stringify(dtype)}`);
  if (!Array.isArray(shape) || shape.some((n) => typeof n !== "number")) throw fail("shape must be a list of integers");
  if (!Array.isArray(offsets) || offsets.length !== 2 || offsets.some((n) => typeof n !== "number")) {
    throw fail("data_offsets must be two integers");
  }
  const [begin, end] = offsets as number[];
  const count = countElements(shape as number[]);
  if (count === undefined) throw fail("the shape is too large");
  const size = count * STORED_BYTES[dtype as StoredDType];
  if (end < begin || end - begin !== size)
    throw fail(`shape and dtype need ${size} bytes, data_offsets give ${end - begin}`);
  return { dtype: dtype as StoredDType, shape: shape as number[], begin, end };
}

/**
 * Writes a safetensors file, completely or not at all. Tensors are ordered as in the reference writer (wider types
 * first, then by name), one in memory at a time.
 */
export function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Record<string, string> = {},
): void {
  const order = [...tensors].sort(
    ([a, x], [b, y]) => STORED_BYTES[y.dtype] - STORED_BYTES[x.dtype] || (a < b ? -1 : a > b ? 1 : 0),
  );
  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let at = 0;
  for (const [name, { dtype, shape }] of order) {
    const end = at + (countElements(shape) ?? 0) * STORED_BYTES[dtype];
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, end] })}`);
    at = end;
  }
  const json = Buffer.from(`{${fields.join(",")}}`);
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, " ");
  header.writeBigUInt64LE(BigInt(header.length - 8), 0);
  json.copy(header, 8);
  writeDurably(path, parts(header, order));
}

function* parts(header: Buffer, order: [string, StoredTensor][]): Generator<Uint8Array> {
  yield header;
  for (const [, tensor] of order) yield tensor.read();
}
