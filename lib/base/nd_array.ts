import type { DType } from "./dtypes.js";

/** Values with a shape, dense and row-major: a matrix, a batch of rows or a tensor. */
export interface NDArray<T = Float32Array> {
  data: T;
  shape: readonly number[];
  /** Default: f32, u8 and i32 by the kind of array; 16-bit values are float16. */
  dtype?: DType | undefined;
}
