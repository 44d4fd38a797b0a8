// Types of the arrays that a run reads and writes, and the checks of the arrays that a caller passes.
import { describeValue } from "../base/describe_value.js";
import { InvalidArgumentError } from "../base/errors.js";
import { arrayKind, arrayLength, KINDS } from "../base/typed_arrays.js";
import { elements, type Tensor } from "../graph/tensor.js";

/** Typed arrays for inputs of a program. */
export type InputArray = Float32Array | Uint8Array | Int32Array | Uint16Array;

/**
 * Inputs of a program, dense and row-major in the traced shapes; scalars are numbers. An input may be a list of arrays,
 * which are concatenated and padded with zeros.
 */
export type ProgramInputs = Record<string, InputArray | readonly InputArray[] | number | number[]>;

/**
 * Results of a program, dense and row-major, each in the typed array of its dtype. `run` has the output type as a
 * parameter, since most programs return only f32: `run<{ values: Float32Array; indices: Int32Array }>(...)`.
 */
export type ProgramOutputs = Record<string, Float32Array | Uint8Array | Int32Array | Uint16Array>;

/** Packs the scalars of a run into the scalar space. */
export function packScalars(scalars: ReadonlyMap<string, Tensor>, values: ProgramInputs): Float32Array {
  const packed = new Float32Array([...scalars.values()].reduce((sum, tensor) => sum + elements(tensor.shape), 0));
  const bits = new Int32Array(packed.buffer);
  let at = 0;
  for (const [name, tensor] of scalars) {
    const value = values[name];
    const list = typeof value === "number" ? [value] : (value as number[] | undefined);
    const size = elements(tensor.shape);
    if (list?.length !== size) {
      throw new InvalidArgumentError(
        `scalar ${name}: expected ${size} numbers, received ${list ? list.length : "nothing"}`,
        { argument: name, expected: size, received: value },
      );
    }
    (tensor.dtype === "f32" ? packed : bits).set(list, at);
    at += size;
  }
  return packed;
}

export type InputViews = InputArray | readonly InputArray[];

const isShared = (array: InputArray): boolean => array.buffer instanceof SharedArrayBuffer;

export const copied = (input: InputViews): InputViews =>
  ArrayBuffer.isView(input) ? input.slice() : input.map((part) => (isShared(part) ? part : part.slice()));

export function checkInput(name: string, tensor: Tensor, value: ProgramInputs[string] | undefined): InputViews {
  if (holds(value, tensor) || isList(value, tensor)) return value;
  const expected = `a ${KINDS[tensor.dtype][0]} of ${elements(tensor.shape)} values [${tensor.shape.join(", ")}]`;
  const received = Array.isArray(value) ? `a list of ${value.map(describeValue).join(", ")}` : describeValue(value);
  throw new InvalidArgumentError(`input ${name}: expected ${expected}, received ${received}`, {
    argument: name,
    expected: tensor.shape,
    received: value,
  });
}

const hasDType = (value: unknown, { dtype }: Tensor): value is InputArray => {
  const kind = arrayKind(value);
  return kind !== undefined && KINDS[dtype].includes(kind);
};

/** Whether a value is a typed array of the tensor's dtype and size. */
const holds = (value: unknown, tensor: Tensor): value is InputArray =>
  hasDType(value, tensor) && arrayLength(value) === elements(tensor.shape);

/** Whether a value is a list of typed arrays of the tensor's dtype that fit into it. */
const isList = (value: unknown, tensor: Tensor): value is readonly InputArray[] =>
  Array.isArray(value) &&
  value.every((part) => hasDType(part, tensor)) &&
  value.reduce((sum: number, part: object) => sum + arrayLength(part), 0) <= elements(tensor.shape);

/** Copies bytes into an array of any element type. */
export function copyBytes(array: ArrayBufferView, bytes: ArrayBuffer): void {
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(new Uint8Array(bytes));
}

export function checkOutput(name: string, tensor: Tensor | undefined, array: ProgramOutputs[string]): void {
  if (tensor && holds(array, tensor)) return;
  const expected = tensor ? `a ${KINDS[tensor.dtype][0]} of ${elements(tensor.shape)} values` : "the name of an output";
  throw new InvalidArgumentError(`outputs.${name}: expected ${expected}, received ${describeValue(array)}`, {
    argument: `outputs.${name}`,
    expected: tensor?.shape,
    received: array,
  });
}
