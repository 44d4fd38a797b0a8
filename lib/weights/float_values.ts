import { WeightsError } from "../base/errors.js";
import { halfValues } from "../base/half_floats.js";
import { STORED_BYTES, type StoredDType, type StoredTensor } from "./tensor.js";
import { TimeSlices } from "./time_slices.js";

/** Values that are converted before the event loop may run other tasks: about a millisecond of work. */
const SLICE = 1 << 19;

type Bytes = Uint8Array<ArrayBufferLike>;

/** Converts values `first .. last` of bytes in a stored dtype to float32, into `out` at the same indices. */
function converter(dtype: StoredDType, bytes: Bytes): (out: Float32Array, first: number, last: number) => void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === "BF16") {
    return (out, first, last) => {
      const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
      for (let i = first; i < last; i++) bits[i] = view.getUint16(2 * i, true) << 16;
    };
  }
  if (dtype === "F16") {
    const half = halfValues();
    return (out, first, last) => {
      for (let i = first; i < last; i++) out[i] = half[view.getUint16(2 * i, true)];
    };
  }
  const readers: Partial<Record<StoredDType, (i: number) => number>> = {
    F32: (i) => view.getFloat32(4 * i, true),
    F64: (i) => view.getFloat64(8 * i, true),
    I64: (i) => Number(view.getBigInt64(8 * i, true)),
    I32: (i) => view.getInt32(4 * i, true),
    I16: (i) => view.getInt16(2 * i, true),
    I8: (i) => view.getInt8(i),
    U8: (i) => view.getUint8(i),
    BOOL: (i) => view.getUint8(i),
  };
  const read = readers[dtype];
  if (!read) throw new WeightsError(`${dtype} values cannot be used as weights`);
  return (out, first, last) => {
    for (let i = first; i < last; i++) out[i] = read(i);
  };
}

/** Whether the bytes can be used without conversion: aligned F32 values. */
const asTheyAre = (dtype: StoredDType, { buffer, byteOffset, byteLength }: Bytes): Float32Array | undefined =>
  dtype === "F32" && byteOffset % 4 === 0 ? new Float32Array(buffer, byteOffset, byteLength / 4) : undefined;

/**
 * Converts values to float32; 64-bit integers and doubles are rounded. F32 values share the memory of the bytes.
 * Blocks, so it is for small tensors.
 * @throws WeightsError for a dtype that weights cannot have
 */
export function floatValues(dtype: StoredDType, bytes: Bytes): Float32Array {
  const same = asTheyAre(dtype, bytes);
  if (same) return same;
  const out = new Float32Array(bytes.byteLength / STORED_BYTES[dtype]);
  converter(dtype, bytes)(out, 0, out.length);
  return out;
}

/**
 * Reads a tensor of a file as float32, as {@link floatValues} does, without blocking the event loop.
 * @throws WeightsError; the signal's reason when it is aborted
 */
export async function readFloats(
  tensor: StoredTensor,
  signal?: AbortSignal,
  slices = new TimeSlices(signal),
): Promise<Float32Array> {
  const bytes = tensor.readAsync ? await tensor.readAsync(signal) : tensor.read();
  const same = asTheyAre(tensor.dtype, bytes);
  if (same) return same;
  const out = new Float32Array(bytes.byteLength / STORED_BYTES[tensor.dtype]);
  const convert = converter(tensor.dtype, bytes);
  for (let first = 0; first < out.length; first += SLICE) {
    convert(out, first, Math.min(out.length, first + SLICE));
    await slices.next();
  }
  return out;
}
