// The checks of operands: shapes, dtypes and how they fit together.
import { describeValue } from "../describe_value.js";
import { DTypeError, type InvalidArgumentError, ShapeError } from "../errors.js";
import { callName } from "./rules.js";
import type { DType, TensorType } from "./tensor.js";

export const MAX_RANK = 8;
/** Bytes that a value may have: kernels multiply these by a few small numbers in 64 bits. */
const MAX_BYTES = 2 ** 44;

/** @throws ShapeError when a list is no shape: at most 8 whole sizes, whose product can be counted */
export function checkShape(op: string, argument: string, shape: readonly unknown[]): void {
  const sizes = Array.from(shape);
  let count = 1;
  for (const size of sizes) if (size !== 0) count *= size as number;
  if (
    sizes.length <= MAX_RANK &&
    sizes.every((v) => Number.isSafeInteger(v) && (v as number) >= 0) &&
    count <= MAX_BYTES / 4
  )
    return;
  const expected = `a shape of at most ${MAX_RANK} whole sizes, ${MAX_BYTES / 4} elements in all`;
  const message = `${callName(op)}: ${argument}: expected ${expected}, received ${describeValue(shape)}`;
  throw new ShapeError(message, { op, argument, expected, received: shape });
}

export const FLOATS: readonly DType[] = ["f32", "bf16", "f16"];

/** Sizes of an operand: a number is that size, a letter any, and a leading `...` any axes. */
export type Pattern = readonly (number | string)[];

function fits(shape: readonly number[], pattern: Pattern): boolean {
  const open = pattern[0] === "...";
  const wanted = open ? pattern.slice(1) : pattern;
  const sizes = open ? shape.slice(Math.max(0, shape.length - wanted.length)) : shape;
  return sizes.length === wanted.length && wanted.every((size, i) => typeof size === "string" || size === sizes[i]);
}

/** A type as errors show it: `f32 [2, 3]`. */
export const typeText = (x: TensorType | null | undefined): string =>
  x ? `${x.dtype} [${x.shape.join(", ")}]` : "nothing";

/**
 * The operand, which must have one of the dtypes and fit the pattern.
 * @param hint more that the error shall say
 * @throws ShapeError, DTypeError
 */
export function checkOperand(
  op: string,
  argument: string,
  x: TensorType | null | undefined,
  pattern: Pattern,
  dtypes: readonly DType[] = FLOATS,
  hint = "",
): TensorType {
  const shapeFits = x && fits(x.shape, pattern);
  if (shapeFits && dtypes.includes(x.dtype)) return x;
  throw operandError(op, argument, x, `${dtypesText(dtypes)} [${pattern.join(", ")}]`, !!shapeFits, hint);
}

const dtypesText = (dtypes: readonly DType[]) =>
  dtypes.length > 1 ? `${dtypes.slice(0, -1).join(", ")} or ${dtypes.at(-1)}` : dtypes[0];

/** The error of an operand whose shape (or, when that fits, dtype) is wrong. */
export function operandError(
  op: string,
  argument: string,
  x: TensorType | null | undefined,
  expected: string,
  shapeFits = false,
  hint = "",
): InvalidArgumentError {
  const message = `${callName(op)}: ${argument}: expected ${expected}, received ${typeText(x)}${hint && ` (${hint})`}`;
  return new (shapeFits ? DTypeError : ShapeError)(message, { op, argument, expected, received: x?.shape });
}

/** The error of values that do not fit together: argument, what would fit and what was received. */
export function misfit(op: string, argument: string, expected: string, received: unknown): ShapeError {
  const message = `${callName(op)}: ${argument}: expected ${expected}, received ${describeValue(received)}`;
  return new ShapeError(message, { op, argument, expected, received });
}

/** @throws ShapeError when one of the operand's axes from `first` on is empty: there is nothing to take a value from */
export function checkFilled(op: string, argument: string, x: TensorType, first = 0): void {
  if (x.shape.slice(first).includes(0)) {
    throw operandError(
      op,
      argument,
      x,
      `sizes of at least 1${first > 0 ? ` behind the first ${first === 1 ? "axis" : `${first} axes`}` : ""}`,
    );
  }
}
