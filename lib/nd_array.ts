import type { DType } from "./graph/tensor.js";

/** Values with a shape, row-major: the package's one form of a matrix, a batch of rows or a tensor. */
export interface NDArray<T = Float32Array> {
  data: T;
  shape: readonly number[];
  dtype?: DType;
}
