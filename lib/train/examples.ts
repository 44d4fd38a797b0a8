// Batches of examples in memory.
import { InvalidArgumentError } from "../base/errors.js";
import { elements } from "../graph/tensor.js";
import { type InputArray, type InputType, readInput, unboxed } from "../models/own/model_inputs.js";
import { arrayLength, dtypeOf } from "../base/typed_arrays.js";
import { shuffledBatches } from "./batches.js";
import { wrongOption } from "./check_options.js";
import type { Batch, BatchArray, TrainingData } from "./task.js";

/**
 * A value of an example: an array with or without a shape, or a number (i32 if it is whole in all examples, otherwise
 * f32).
 */
export type ExampleValue = number | InputArray | { data: InputArray; shape: readonly number[] };

/** One example: the inputs of the model and the other values that the loss reads, by name. */
export type Example<N extends string = string> = Readonly<Record<N, ExampleValue>>;

const ARRAYS = { f32: Float32Array, u8: Uint8Array, i32: Int32Array } as const;

/**
 * Makes training data of examples. Every epoch has a new order, drawn from the seed.
 * @param types of the model's inputs; the first example gives the types of other values
 * @throws InvalidArgumentError for examples that differ in names, sizes or dtypes, and for fewer examples than a batch
 */
export function exampleBatches(
  list: Iterable<Example>,
  types: Readonly<Record<string, InputType>>,
  { batch, seed }: { batch: number; seed: number },
): TrainingData {
  const examples = Array.isArray(list) ? (list as readonly Example[]) : [...list];
  if (examples.length < batch) throw wrongOption("batch", `at most the ${examples.length} examples of data`, batch);
  const layout = layoutOf(examples, types);
  for (const [i, example] of examples.entries()) checkNames(example, i, layout);
  const order = shuffledBatches(examples.length, batch, seed);
  return {
    batch: (index): Batch => {
      const chosen = order(index);
      const inputs = [...layout].map(([name, type]): [string, BatchArray] => {
        const size = elements(type.shape);
        const data = new ARRAYS[type.dtype](batch * size);
        chosen.forEach((number, row) => {
          data.set(valuesOf(`data[${number}].${name}`, type, examples[number][name]), row * size);
        });
        return [name, { data, shape: [batch, ...type.shape] }];
      });
      return { inputs: Object.fromEntries(inputs), examples: batch };
    },
  };
}

/** The type of each value of an example. */
function layoutOf(examples: readonly Example[], types: Readonly<Record<string, InputType>>): Map<string, InputType> {
  const [first] = examples;
  if (typeof first !== "object" || first === null) throw wrongOption("data[0]", "an object of values by name", first);
  for (const name of Object.keys(types)) {
    if (!(name in first)) throw wrongOption(`data[0].${name}`, "an input of the model", undefined);
  }
  return new Map(Object.keys(first).map((name) => [name, types[name] ?? typeOf(name, examples)]));
}

function typeOf(name: string, examples: readonly Example[]): InputType {
  const value: unknown = examples[0][name];
  if (typeof value === "number") {
    const whole = examples.every((example) => typeof example?.[name] !== "number" || Number.isInteger(example[name]));
    return { shape: [], dtype: whole ? "i32" : "f32" };
  }
  const { data, shape: given } = unboxed(value);
  const dtype = dtypeOf(data);
  if (dtype !== "f32" && dtype !== "u8" && dtype !== "i32") {
    throw wrongOption(`data[0].${name}`, "a number, or a Float32Array, Uint8Array or Int32Array", data);
  }
  const shape = given ?? [arrayLength(data as object)];
  if (!Array.isArray(shape)) throw wrongOption(`data[0].${name}.shape`, "the sizes of one example", shape);
  return { shape: shape as number[], dtype };
}

function checkNames(example: Example, index: number, layout: ReadonlyMap<string, InputType>): void {
  const names = typeof example === "object" && example !== null ? Object.keys(example) : [];
  if (names.length === layout.size && names.every((name) => layout.has(name))) return;
  const expected = [...layout.keys()].join(", ");
  throw new InvalidArgumentError(
    `data[${index}]: expected ${expected}, as the first example has, received ${names.join(", ") || "none"}`,
    { argument: `data[${index}]`, expected, received: names },
  );
}

/** The values of one example, checked against the type. */
function valuesOf(argument: string, type: InputType, value: unknown): ArrayLike<number> {
  if (typeof value === "number" && type.shape.length === 0) {
    if (type.dtype === "f32" || Number.isInteger(value)) return [value];
    throw wrongOption(argument, "a whole number", value);
  }
  const { data, shape } = unboxed(value);
  const read = readInput(argument, type, Array.isArray(shape) ? { data, shape: [1, ...(shape as number[])] } : data);
  if (read.rows === 1) return read.data;
  throw wrongOption(argument, `one example of ${elements(type.shape)} values [${type.shape.join(", ")}]`, data);
}
