import { type DType, isFloat, shapeError, type TensorType } from "../graph/tensor.js";

/** The storage type of activations: f32, bf16 or f16, the same for all `values`. */
export function storageType(op: string, ...values: (TensorType | null | undefined)[]): DType {
  const dtype = values[0]?.dtype ?? "u8";
  if (!isFloat(dtype)) throw shapeError(op, "f32, bf16 or f16", values[0]?.dtype ?? "none");
  for (const value of values) if (value?.dtype !== dtype) throw shapeError(op, dtype, value?.dtype ?? "none");
  return dtype;
}

/**
 * Checks values that are f32 for every storage type of activations: vectors per channel, and parameters before folding
 * or packing.
 */
export function requireF32(op: string, ...values: (TensorType | null | undefined)[]): void {
  for (const value of values) if (value && value.dtype !== "f32") throw shapeError(op, "f32 parameters", value.dtype);
}
