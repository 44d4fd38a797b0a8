import { types } from "node:util";
import { describeValue } from "../base/describe_value.js";
import { InvalidArgumentError, VideoClipError } from "../base/errors.js";
import { checkShape, MAX_RANK } from "../graph/operands.js";
import { callName, wrongArgument } from "../graph/rules.js";
import { type DType, elements } from "../graph/tensor.js";
import type { NDArray } from "../base/nd_array.js";
import {
  type ArrayKind,
  arrayKind,
  arrayLength,
  dtypeOf,
  type Float16Values,
  isDetached,
  KINDS,
} from "../base/typed_arrays.js";
import type { AnyArray, Floats } from "./array_types.js";
import { type Held, heldBy } from "./result.js";

/**
 * An operand: an {@link NDArray}, or an object with `dims` instead of `shape`, such as a tensor of onnxruntime. Views
 * of shared memory and of other realms are accepted. Values are copied before the call returns.
 */
export type Operand<T = Floats> = NDArray<T> | { readonly data: T; readonly dims: readonly number[] };

/** An operand after reading and checking. Only its values are read from the caller's object again. */
export interface Checked {
  data: AnyArray;
  shape: number[];
  dtype: DType;
  /** The result that the operand is, if its values have not been exposed. */
  held: Held | undefined;
}

/** Reads a value of the caller; errors of its getters become errors of this package. */
export function guarded<T>(op: string, argument: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof VideoClipError) throw cause;
    const expected = "a value that can be read";
    throw new InvalidArgumentError(
      `${callName(op)}: ${argument}: expected ${expected}, received one that throws ${describeValue(cause)}`,
      { op, argument, expected, cause },
    );
  }
}

/**
 * Reads an operand.
 * @throws InvalidArgumentError with the wrong part
 */
export function readOperand(op: string, argument: string, value: unknown): Checked {
  if (typeof value !== "object" || value === null || arrayKind(value) || types.isPromise(value)) {
    const hint = types.isPromise(value) ? "await it first" : arrayKind(value) ? "give it with its shape" : "";
    throw wrongArgument(op, argument, "{ data, shape }", value, hint);
  }
  return guarded(op, argument, () => {
    const given = value as Record<string, unknown>;
    const held = heldBy(given);
    const values = held && !held.exposed ? held.array : given.data;
    const { data, dtype } = readValues(op, argument, values, given.dtype);
    const shape = readShape(op, `${argument}.shape`, given.shape === undefined ? given.dims : given.shape);
    if (arrayLength(data) !== elements(shape) || isDetached(data)) throw wrongLength(op, argument, data, shape);
    return { data, shape, dtype, held: held && !held.exposed ? held : undefined };
  });
}

/** The operand, or null if it is optional and absent. */
export const readOptional = (op: string, argument: string, value: unknown): Checked | null =>
  value === undefined || value === null ? null : readOperand(op, argument, value);

/** Advice for arrays of kinds that no op accepts. */
const ADVICE: Partial<Record<ArrayKind, string>> = {
  Float64Array: "Float32Array.from(x) converts it",
  BigInt64Array: "Int32Array.from(x, Number) converts it",
  BigUint64Array: "Int32Array.from(x, Number) converts it",
  Uint32Array: "Int32Array.from(x) converts it",
  Int16Array: "Int32Array.from(x) converts it",
  Int8Array: "Int32Array.from(x) or Uint8Array.from(x) converts it",
};

function readValues(op: string, argument: string, data: unknown, given: unknown): { data: AnyArray; dtype: DType } {
  const kind = arrayKind(data);
  const dtype = given === undefined ? dtypeOf(data) : (given as DType);
  if (kind === undefined || dtype === undefined) {
    throw wrongArgument(
      op,
      `${argument}.data`,
      "a Float32Array, Uint8Array, Int32Array or Uint16Array",
      data,
      advice(data),
    );
  }
  if (!(typeof dtype === "string" && Object.hasOwn(KINDS, dtype) && KINDS[dtype].includes(kind))) {
    const fits = (Object.keys(KINDS) as DType[]).filter((name) => KINDS[name].includes(kind));
    const expected = fits.length > 0 ? `${fits.join(" or ")}, for a ${kind}` : "an array of another kind";
    throw wrongArgument(op, `${argument}.dtype`, expected, given, advice(data));
  }
  if (kind !== "Float16Array") return { data: data as AnyArray, dtype };
  const { buffer, byteOffset, length } = data as Float16Values;
  return { data: new Uint16Array(buffer, byteOffset, length), dtype };
}

function advice(data: unknown): string {
  const kind = arrayKind(data);
  if (kind) return ADVICE[kind] ?? "";
  if (Array.isArray(data)) return "Float32Array.from(x) converts it, or Int32Array.from(x) for ids";
  if (typeof data === "function") return "of a tensor t of tfjs give { data: await t.data(), shape: t.shape }";
  return types.isPromise(data) ? "await it first" : "";
}

function readShape(op: string, argument: string, value: unknown): number[] {
  if (!Array.isArray(value)) throw wrongArgument(op, argument, "an array of sizes", value);
  const shape = Array.from({ length: Math.min(value.length, MAX_RANK + 1) }, (_, i) => value[i] as number);
  checkShape(op, argument, shape);
  return shape.map((size) => size + 0); // -0 becomes 0
}

function wrongLength(op: string, argument: string, data: AnyArray, shape: number[]): InvalidArgumentError {
  const count = arrayLength(data);
  const detached = isDetached(data) ? ": its buffer is detached (it was transferred, or is smaller now)" : "";
  return new InvalidArgumentError(
    `${callName(op)}: ${argument}: shape [${shape.join(", ")}] needs ${elements(shape)} values, received ${count}${detached}`,
    { op, argument, expected: elements(shape), received: count },
  );
}
