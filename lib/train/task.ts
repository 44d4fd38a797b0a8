import { describeValue } from "../base/describe_value.js";
import { InvalidArgumentError } from "../base/errors.js";
import type { DType, Tensor } from "../graph/tensor.js";
import { dtypeOf as dtypeOfArray } from "../base/typed_arrays.js";

/** An input of a batch: row-major values with their shape. 16-bit values are float16. */
export interface BatchArray {
  data: Float32Array | Uint8Array | Int32Array | Uint16Array;
  shape: readonly number[];
}

/**
 * What one forward pass sees. A program is compiled for every set of shapes: round lengths up to few values.
 * @typeParam N names of the inputs
 */
export interface Batch<N extends string = string> {
  inputs: Record<N, BatchArray>;
  /** Rows that count, for samples per second. */
  examples: number;
  /** Numbers about how the batch was made, to be reported with the step. */
  measures?: Record<string, number> | undefined;
}

/**
 * A loss to be minimised.
 * @typeParam N names of the inputs, such as `Task<"video" | "labels">`
 */
export interface Task<N extends string = string> {
  /**
   * Called inside trace() with the inputs of a batch as tensors; applies a model to them.
   * @returns `loss` `[1]` or `[]`, the mean over the batch, and any further f32 values to be reported with it (their mean)
   */
  forward(inputs: Record<N, Tensor>): { loss: Tensor } & Record<string, Tensor>;
  /**
   * The same loss as one of two embeddings `[N, D]` of each row of a batch, for batches that are encoded in chunks. Called inside
   * trace() like `forward`.
   */
  pairs?:
    | {
        encode(inputs: Record<N, Tensor>): { a: Tensor; b: Tensor };
        loss(a: Tensor, b: Tensor): Tensor;
      }
    | undefined;
}

/** Where batches come from. @typeParam N names of the inputs of a batch */
export interface TrainingData<N extends string = string> {
  /**
   * Batch number `index`, from 0 on: a function of the index alone (and of the seed that the data was made with), so that a
   * resumed run sees the batches that it would have seen. Batch `index + 1` is asked for while step `index` still runs: arrays
   * of `device.allocate` cannot be filled anew for it.
   * @param options `signal` ends work that takes long: the promise rejects with its reason
   */
  batch(index: number, options?: { signal?: AbortSignal | undefined }): Batch<N> | Promise<Batch<N>>;
  /**
   * Whether batch `index` is made with the model as it is after step `index - 1` (batches found by retrieval). Such a batch is
   * not asked for before that step is done. Default: none is.
   */
  needsModel?(index: number): boolean;
}

/** @throws InvalidArgumentError for a kind of array that no program takes */
export function dtypeOf({ data }: BatchArray): DType {
  const dtype = dtypeOfArray(data);
  if (dtype) return dtype;
  throw new InvalidArgumentError(
    `batch: expected arrays of floats, bytes or 32-bit integers, received ${describeValue(data)}`,
    { argument: "batch", received: data },
  );
}
