import { closeSync, fstatSync, openSync, read as readCallback, readSync } from "node:fs";
import { promisify } from "node:util";
import { WeightsError } from "../errors.js";
import { floatToHalf, halfValues } from "../half_floats.js";

/** Element types of weight files, in the names of safetensors, with their size in bytes. */
export const STORED_BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
  C64: 8,
} as const;

export type StoredDType = keyof typeof STORED_BYTES;

/** A tensor in a file. Nothing is read before `read`. */
export interface StoredTensor {
  dtype: StoredDType;
  shape: number[];
  /** Where it begins in the file, where it lies there as it is (safetensors). */
  byte?: number;
  /** Contiguous row-major little-endian bytes. */
  read(): Uint8Array;
}

const CHUNK_BYTES = 4 << 20;
const readAsync = promisify(readCallback);

/** A file opened for reading by position; every read is checked against the size it had when opened. */
export class ByteFile {
  readonly size: number;
  #fd: number;

  constructor(readonly path: string) {
    try {
      this.#fd = openSync(path, "r");
    } catch (cause) {
      throw new WeightsError(`${path}: cannot be opened (${(cause as NodeJS.ErrnoException).code})`, {
        file: path,
        cause,
      });
    }
    const stat = fstatSync(this.#fd);
    if (!stat.isFile()) {
      closeSync(this.#fd);
      throw new WeightsError(`${path}: expected a file`, { file: path });
    }
    this.size = stat.size;
  }

  fail(message: string, byte?: number): WeightsError {
    const at = byte === undefined ? "" : ` (byte ${byte})`;
    return new WeightsError(`${this.path}: ${message}${at}`, { file: this.path, byte });
  }

  read(offset: number, length: number): Buffer {
    if (
      !Number.isSafeInteger(offset) ||
      !Number.isSafeInteger(length) ||
      offset < 0 ||
      length < 0 ||
      offset + length > this.size
    ) {
      throw this.fail(`${length} bytes reach beyond the end of the file (${this.size} bytes)`, offset);
    }
    const bytes = Buffer.allocUnsafeSlow(length); // filled below; not of the pool, so that it is aligned
    for (let done = 0; done < length;) {
      const n = readSync(this.#fd, bytes, done, Math.min(length - done, 1 << 30), offset + done);
      if (n === 0) throw this.fail("the file became shorter while it was read", offset + done);
      done += n;
    }
    return bytes;
  }

  /** Calls `use` with all bytes in order, a chunk at a time; the next one is read meanwhile. */
  async forEachChunk(use: (chunk: Uint8Array) => void): Promise<void> {
    const buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(CHUNK_BYTES));
    const next = (at: number, i: number) => {
      const length = Math.min(CHUNK_BYTES, this.size - at);
      return length === 0 ? undefined : readAsync(this.#fd, buffers[i % 2], 0, length, at);
    };
    let reading = next(0, 0);
    for (let at = 0, i = 0; reading; i++) {
      const { bytesRead } = await reading;
      if (bytesRead === 0) throw this.fail("the file became shorter while it was read", at);
      at += bytesRead;
      reading = next(at, i + 1);
      use(buffers[i % 2].subarray(0, bytesRead));
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** Number of elements, or undefined when a dimension is invalid or the product exceeds 2^48. */
export function countElements(shape: readonly number[]): number | undefined {
  let n = 1;
  let zero = false;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) return undefined;
    if (size === 0) zero = true;
    else n *= size;
    if (n > 2 ** 48) return undefined;
  }
  return zero ? 0 : n;
}

/** A tensor to be written: float32 values as they are, or rounded to float16. */
export function stored(shape: readonly number[], values: () => Float32Array, dtype: "f32" | "f16"): StoredTensor {
  const read = () => {
    const data = dtype === "f16" ? Uint16Array.from(values(), floatToHalf) : values();
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  };
  return { dtype: dtype === "f16" ? "F16" : "F32", shape: [...shape], read };
}

/** Values as float32; 64-bit integers and doubles are rounded. Those of F32 may be the very bytes that `read` gave. */
export function toFloat32(tensor: StoredTensor): Float32Array {
  const bytes = tensor.read();
  const n = bytes.byteLength / STORED_BYTES[tensor.dtype];
  if (tensor.dtype === "F32") {
    const { buffer, byteOffset } = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
    return new Float32Array(buffer, byteOffset, n);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(n);
  if (tensor.dtype === "BF16") {
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < n; i++) bits[i] = view.getUint16(2 * i, true) << 16;
    return out;
  }
  const half = halfValues();
  const get: Partial<Record<StoredDType, (i: number) => number>> = {
    F64: (i) => view.getFloat64(8 * i, true),
    F16: (i) => half[view.getUint16(2 * i, true)],
    I64: (i) => Number(view.getBigInt64(8 * i, true)),
    I32: (i) => view.getInt32(4 * i, true),
    I16: (i) => view.getInt16(2 * i, true),
    I8: (i) => view.getInt8(i),
    U8: (i) => view.getUint8(i),
    BOOL: (i) => view.getUint8(i),
  };
  const read = get[tensor.dtype];
  if (!read) throw new WeightsError(`${tensor.dtype} values cannot be used as weights`);
  for (let i = 0; i < n; i++) out[i] = read(i);
  return out;
}
