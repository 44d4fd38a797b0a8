import { describeValue } from "../../base/describe_value.js";
import { InvalidArgumentError } from "../../base/errors.js";
import { elements } from "../../graph/tensor.js";
import { suggestion } from "../../base/suggest.js";
import { arrayKind, type ArrayKind, arrayLength } from "../../base/typed_arrays.js";

/** Element types of a model's inputs. */
export type InputDType = "f32" | "u8" | "i32";

/** The type of an input. */
export interface InputType {
  /** Shape of one example, without the batch axis. */
  shape: readonly number[];
  dtype: InputDType;
}

/** Values of one dtype. */
export type InputArray = Float32Array | Uint8Array | Uint8ClampedArray | Int32Array;

/** An input of a batch: row-major values with their shape `[N, ...]`, or the values alone, whose length gives N. */
export type ModelInput = InputArray | { data: InputArray; shape: readonly number[] };

const KINDS: Record<InputDType, readonly ArrayKind[]> = {
  f32: ["Float32Array"],
  u8: ["Uint8Array", "Uint8ClampedArray"],
  i32: ["Int32Array"],
};
const ARRAYS = { f32: Float32Array, u8: Uint8Array, i32: Int32Array } as const;

/** Arrays of this realm for each dtype. */
export type OwnArray = Float32Array | Uint8Array | Int32Array;

const text = ({ shape, dtype }: InputType) => `${dtype} [N${shape.map((n) => `, ${n}`).join("")}]`;

/**
 * The types of a model's inputs.
 * @throws InvalidArgumentError for an invalid shape or dtype
 */
export function inputTypes(
  shapes: Readonly<Record<string, readonly number[]>>,
  dtypes: Readonly<Record<string, InputDType | undefined>> = {},
): Map<string, InputType> {
  const fail = (argument: string, expected: string, received: unknown) => {
    const message = `${argument}: expected ${expected}, received ${describeValue(received)}`;
    return new InvalidArgumentError(message, { argument, expected, received });
  };
  if (typeof shapes !== "object" || shapes === null || Object.keys(shapes).length === 0) {
    throw fail("inputs", "a shape by name for each input of the net, such as { video: [8, 64, 64, 3] }", shapes);
  }
  const names = Object.keys(shapes);
  for (const name of Object.keys(dtypes)) {
    if (!names.includes(name))
      throw new InvalidArgumentError(`dtypes.${name}: there is no such input${suggestion(name, names)}`, {
        argument: "dtypes",
        received: name,
      });
  }
  const entries = names.map((name): [string, InputType] => {
    const [shape, dtype = "f32"] = [shapes[name], dtypes[name]];
    const fits = Array.isArray(shape) && shape.every((n) => Number.isSafeInteger(n) && n > 0);
    if (!fits) throw fail(`inputs.${name}`, "the positive sizes of one example, without the batch", shape);
    if (!Object.hasOwn(KINDS, dtype)) throw fail(`dtypes.${name}`, "f32, u8 or i32", dtype);
    return [name, { shape: [...shape], dtype }];
  });
  return new Map(entries);
}

/** Splits an array into values and shape; the shape may be absent. */
export function unboxed(value: unknown): { data: unknown; shape?: unknown } {
  const boxed = arrayKind(value) === undefined && typeof value === "object" && value !== null;
  return boxed ? (value as { data: unknown; shape?: unknown }) : { data: value };
}

/** The values of an input and its number of examples. @throws InvalidArgumentError when they do not fit */
export function readInput(name: string, type: InputType, value: unknown): { data: OwnArray; rows: number } {
  const size = elements(type.shape);
  const { data, shape } = unboxed(value);
  const kind = arrayKind(data);
  const length = kind ? arrayLength(data as object) : 0;
  const fits =
    kind !== undefined &&
    KINDS[type.dtype].includes(kind) &&
    length % size === 0 &&
    (shape === undefined || (Array.isArray(shape) && shape.join() === [length / size, ...type.shape].join()));
  if (fits) return { data: ownArray(type.dtype, data as InputArray), rows: length / size };
  const received =
    shape === undefined ? describeValue(data) : `${describeValue(data)} of shape ${describeValue(shape)}`;
  throw new InvalidArgumentError(`${name}: expected ${KINDS[type.dtype][0]} ${text(type)}, received ${received}`, {
    argument: name,
    expected: text(type),
    received: shape ?? length,
  });
}

/** A view of the same memory as a plain array of this realm. */
export function ownArray(dtype: InputDType, data: InputArray): OwnArray {
  const kind = ARRAYS[dtype];
  return data instanceof kind ? data : new kind(data.buffer as ArrayBuffer, data.byteOffset, data.length);
}

/**
 * All inputs of a model, with the same number of examples.
 * @throws InvalidArgumentError for an input that is missing, unknown or does not fit
 */
export function readInputs(
  types: ReadonlyMap<string, InputType>,
  given: Readonly<Record<string, unknown>>,
): { arrays: Map<string, OwnArray>; rows: number } {
  const names = [...types.keys()];
  if (typeof given !== "object" || given === null) {
    throw new InvalidArgumentError(
      `inputs: expected an object with ${names.join(", ")}, received ${describeValue(given)}`,
      {
        argument: "inputs",
        received: given,
      },
    );
  }
  for (const name of Object.keys(given)) {
    if (types.has(name)) continue;
    throw new InvalidArgumentError(`${name}: the model has no such input${suggestion(name, names)}`, {
      argument: name,
      expected: names,
    });
  }
  let rows: number | undefined;
  const arrays = new Map<string, OwnArray>();
  for (const [name, type] of types) {
    const read = readInput(name, type, given[name]);
    if (rows !== undefined && read.rows !== rows) {
      const message = `${name}: expected ${rows} examples, as ${names[0]} has, received ${read.rows}`;
      throw new InvalidArgumentError(message, { argument: name, expected: rows, received: read.rows });
    }
    rows = read.rows;
    arrays.set(name, read.data);
  }
  return { arrays, rows: rows ?? 0 };
}
