/**
 * Element types on a device. Weights and activations are f32; clips are u8, token ids i32. Stored embeddings may be
 * f16; JavaScript gets the bits of 16-bit floats as Uint16Array.
 */
export type DType = "f32" | "u8" | "i32" | "bf16" | "f16";

export const ITEM_SIZE: Record<DType, number> = { f32: 4, u8: 1, i32: 4, bf16: 2, f16: 2 };

/** The numbers of the element types in native/cpp/runtime/tensor.h. */
export const DTYPE: Record<DType, number> = { f32: 0, u8: 1, i32: 2, bf16: 3, f16: 4 };

/**
 * The storage type of activations and weights: f32, bf16 or f16, with sums in f32. On a CPU, training with bf16 stores
 * f32 and rounds the operands of matrix products. `tf32` (GPU) stores f32 and rounds the operands of matrix products to
 * 10 bits. `bf16x3` (CPUs with a matrix unit) stores f32 and multiplies in three products of bf16, with errors of
 * f32's order.
 */
export type Precision = "f32" | "bf16" | "bf16x3" | "f16" | "tf32";
