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
 * Inputs of one forward pass. A program is compiled for every set of shapes, so round lengths up to a few values.
 * @typeParam N names of the inputs
 */
export interface Batch<N extends string = string> {
  inputs: Record<N, BatchArray>;
  /** Number of rows, for samples per second. */
  examples: number;
  /** Numbers about the batch that are reported with the step. */
  measures?: Record<string, number> | undefined;
}

/**
 * A loss to minimise.
 * @typeParam N names of the inputs, such as `Task<"video" | "labels">`
 */
export interface Task<N extends string = string> {
  /**
   * Called inside trace() with the inputs of a batch as tensors; applies a model to them.
   * @returns `loss` `[1]` or `[]`, the mean over the batch, and further f32 values to report (their mean)
   */
  forward(inputs: Record<N, Tensor>): { loss: Tensor } & Record<string, Tensor>;
  /**
   * The same loss as a function of two embeddings `[N, D]` of each row of a batch, for batches that are encoded in
   * chunks. Called inside trace() like `forward`.
   */
  pairs?:
    | {
        encode(inputs: Record<N, Tensor>): { a: Tensor; b: Tensor };
        loss(a: Tensor, b: Tensor): Tensor;
      }
    | undefined;
}

/** The source of batches. @typeParam N names of the inputs of a batch */
export interface TrainingData<N extends string = string> {
  /**
   * Makes batch number `index`, from 0 on. The result depends on the index alone (and on the seed of the data), so a
   * resumed run gets the same batches. Batch `index + 1` is requested while step `index` runs, so arrays of
   * `device.allocate` must not be refilled for it.
   * @param options an aborted `signal` ends long work: the promise rejects with its reason
   */
  batch(index: number, options?: { signal?: AbortSignal | undefined }): Batch<N> | Promise<Batch<N>>;
  /**
   * Whether batch `index` needs the model after step `index - 1` (batches found by retrieval). Such a batch is not
   * requested before that step has ended. Default: no batch does.
   */
  needsModel?(index: number): boolean;
}

/** @throws InvalidArgumentError for a kind of array that programs do not accept */
export function dtypeOf({ data }: BatchArray): DType {
  const dtype = dtypeOfArray(data);
  if (dtype) return dtype;
  throw new InvalidArgumentError(
    `batch: expected arrays of floats, bytes or 32-bit integers, received ${describeValue(data)}`,
    { argument: "batch", received: data },
  );
}
