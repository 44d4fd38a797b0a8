// Training of a `Model`: its task and its data.
import { InvalidArgumentError } from "../base/errors.js";
import { elements, Tensor } from "../graph/tensor.js";
import type { Model } from "../models/own/model.js";
import { type InputArray, type InputType, ownArray, readInput, unboxed } from "../models/own/model_inputs.js";
import { describeValue } from "../base/describe_value.js";
import { suggestion } from "../base/suggest.js";
import { arrayLength, dtypeOf } from "../base/typed_arrays.js";
import { wrongOption } from "./check_options.js";
import { type Example, exampleBatches } from "./examples.js";
import type { Batch, BatchArray, Task, TrainingData } from "./task.js";

/** The result of a loss: one f32 value, `[1]` or `[]`, alone or as `loss` with further values to report. */
export type Loss = Tensor | ({ loss: Tensor } & Record<string, Tensor>);

/**
 * The loss of a `Model`, a mean over the batch.
 * @param outputs of the model, each `[N, ...]`
 * @param batch all arrays of the batch by name: targets, and the model's inputs too
 */
export type LossFunction<O extends string = string, T extends string = string> = (
  outputs: Readonly<Record<O, Tensor>>,
  batch: Readonly<Record<T, Tensor>>,
) => Loss;

/**
 * Values of a batch, with their shape or without it. A missing shape follows from the model's input or from the
 * examples.
 */
export type ModelBatchArray = InputArray | BatchArray | { data: InputArray; shape: readonly number[] };

/** A batch for a model: its inputs and the other values that the loss reads, by name. */
export interface ModelBatch<T extends string = string> {
  inputs: Readonly<Record<T, ModelBatchArray>>;
  /** Default: the length of the first axis. */
  examples?: number | undefined;
  /** Numbers about the batch that are reported with the step. */
  measures?: Record<string, number> | undefined;
}

/** Batches by number, as {@link TrainingData}, or examples, which are shuffled every epoch. */
export type ModelData<T extends string = string> =
  | {
      batch(index: number, options?: { signal?: AbortSignal | undefined }): ModelBatch<T> | Promise<ModelBatch<T>>;
      needsModel?(index: number): boolean;
    }
  | Iterable<Example<T>>;

/** Throws a clear error when an unknown name is read. */
function named<T extends object>(what: string, values: T): T {
  return new Proxy(values, {
    get(target, name, receiver) {
      if (typeof name !== "string" || name in target) return Reflect.get(target, name, receiver);
      const known = Object.keys(target);
      throw new InvalidArgumentError(`loss: ${what} ${name} does not exist${suggestion(name, known)}`, {
        argument: "loss",
        expected: known,
        received: name,
      });
    },
  });
}

/** A model and its loss as a task. */
export function modelTask(model: Model, loss: LossFunction): Task {
  return {
    forward(inputs) {
      const own = Object.fromEntries(Object.keys(model.inputs).map((name) => [name, inputs[name]]));
      const outputs = model.forward(own);
      const result = loss(named("output", outputs), named("the batch's", { ...inputs }));
      if (result instanceof Tensor) return { loss: result };
      if (typeof result === "object" && result !== null && result.loss instanceof Tensor) return result;
      throw new InvalidArgumentError(
        `loss: expected a tensor, or an object with loss and what is reported with it, received ${describeValue(result)}`,
        { argument: "loss", received: result },
      );
    },
  };
}

/** Batches with shapes, whose model inputs fit the model. */
export function modelData(
  model: Model,
  data: ModelData,
  { batch, seed }: { batch: number | undefined; seed: number },
): TrainingData {
  if (typeof data === "object" && data !== null && "batch" in data && typeof data.batch === "function") {
    if (batch !== undefined) {
      throw wrongOption("batch", "nothing beside data that makes its own batches", batch);
    }
    return {
      batch: async (index, options) => completed(await data.batch(index, options), model.inputs),
      ...(data.needsModel ? { needsModel: (index: number) => data.needsModel!(index) } : {}),
    };
  }
  if (typeof data === "object" && data !== null && Symbol.iterator in data) {
    const list: readonly Example[] = Array.isArray(data) ? (data as readonly Example[]) : [...data];
    return exampleBatches(list, model.inputs, { batch: batch ?? Math.min(32, Math.max(1, list.length)), seed });
  }
  throw wrongOption("data", "examples, or an object whose batch(index) makes a batch", data);
}

function completed(given: ModelBatch, types: Readonly<Record<string, InputType>>): Batch {
  if (typeof given !== "object" || given === null) throw wrongOption("batch", "an object with inputs", given);
  const { inputs, examples, measures } = given;
  if (typeof inputs !== "object" || inputs === null) throw wrongOption("batch.inputs", "arrays by name", inputs);
  let rows: number | undefined;
  const arrays: Record<string, BatchArray> = {};
  for (const [name, type] of Object.entries(types)) {
    const read = readInput(`batch.inputs.${name}`, type, inputs[name]);
    if (rows !== undefined && read.rows !== rows) {
      throw wrongOption(`batch.inputs.${name}`, `${rows} examples, as the other inputs have`, read.rows);
    }
    rows = read.rows;
    arrays[name] = { data: read.data, shape: [read.rows, ...type.shape] };
  }
  for (const [name, value] of Object.entries(inputs)) arrays[name] ??= target(name, value, rows ?? 0);
  return { inputs: arrays, examples: examples ?? rows ?? 0, ...(measures ? { measures } : {}) };
}

/** A value that only the loss reads: with its shape, or `[N]` or `[N, size]` values. */
function target(name: string, value: unknown, rows: number): BatchArray {
  const argument = `batch.inputs.${name}`;
  const { data, shape: given } = unboxed(value);
  const dtype = dtypeOf(data);
  if (dtype !== "f32" && dtype !== "u8" && dtype !== "i32") {
    throw wrongOption(argument, "a Float32Array, Uint8Array or Int32Array", data);
  }
  const length = arrayLength(data as object);
  const shape = given ?? (length === rows ? [rows] : [rows, length / rows]);
  const fits =
    Array.isArray(shape) && shape.every((n) => Number.isSafeInteger(n) && n >= 0) && elements(shape) === length;
  if (!fits) throw wrongOption(`${argument}.shape`, `sizes of ${length} values`, shape);
  return { data: ownArray(dtype, data as InputArray), shape: shape as number[] };
}
