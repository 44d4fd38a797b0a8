import { floatToHalf } from "../base/half_floats.js";

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

/** A tensor in a file. Its data are read by `read`. */
export interface StoredTensor {
  dtype: StoredDType;
  shape: number[];
  /** Byte offset in the file, for formats that store tensors contiguously (safetensors). */
  byte?: number | undefined;
  /** Contiguous row-major little-endian bytes. */
  read(): Uint8Array;
  /** As `read`, without blocking the event loop; absent if `read` is fast. Rejects with the signal's reason. */
  readAsync?(signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * The same bytes in order, in parts of whole elements; a part is valid until the next one is requested. Absent if
   * they are not contiguous in the file.
   */
  parts?(signal?: AbortSignal): AsyncIterable<Uint8Array>;
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

/** A tensor to write: float32 values unchanged, or rounded to float16. */
export function stored(shape: readonly number[], values: () => Float32Array, dtype: "f32" | "f16"): StoredTensor {
  const read = () => {
    const data = dtype === "f16" ? Uint16Array.from(values(), floatToHalf) : values();
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  };
  return { dtype: dtype === "f16" ? "F16" : "F32", shape: [...shape], read };
}
