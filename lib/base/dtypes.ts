/**
 * Element types on a device. Weights and activations are f32; clips are u8, token ids i32. Stored embeddings may be
 * f16; JavaScript gets the bits of 16-bit floats as Uint16Array.
 */
export type DType = "f32" | "u8" | "i32" | "bf16" | "f16";

export const ITEM_SIZE: Record<DType, number> = { f32: 4, u8: 1, i32: 4, bf16: 2, f16: 2 };

/** The numbers of the element types in native/cpp/runtime/tensor.h. */
export const DTYPE: Record<DType, number> = { f32: 0, u8: 1, i32: 2, bf16: 3, f16: 4 };
