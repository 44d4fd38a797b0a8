// Checks of operands: shapes, dtypes, and agreement between operands.
import { describeValue } from "../base/describe_value.js";
import { ShapeError } from "../base/errors.js";
import { alternatives, callName } from "./rules.js";
import type { DType, TensorType } from "./tensor.js";

export const MAX_RANK = 8;
/**
 * Maximum elements of a value. Kernels multiply its bytes by a few small numbers in 64 bits, which then cannot
 * overflow.
 */
const MAX_ELEMENTS = 2 ** 42;

/** @throws ShapeError when a list is not a shape: at most 8 whole numbers whose product is at most `MAX_ELEMENTS` */
export function checkShape(op: string, argument: string, shape: readonly unknown[]): void {
  const sizes = Array.from(shape);
  const whole = sizes.length <= MAX_RANK && sizes.every(isSize);
  if (whole && product(sizes) <= MAX_ELEMENTS) return;
  const expected = whole ? `at most ${MAX_ELEMENTS} elements` : `at most ${MAX_RANK} sizes, integers of at least 0`;
  const message = `${callName(op)}: ${argument}: expected ${expected}, received ${describeValue(shape)}`;
  throw new ShapeError(message, { op, argument, expected, received: shape });
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The product without sizes of 0, because kernels also multiply the sizes of some of the axes. */
const product = (sizes: number[]) => sizes.reduce((count, size) => count * (size || 1), 1);

export const FLOATS: readonly DType[] = ["f32", "bf16", "f16"];

/** Sizes of an operand: a number is that size, a letter is any size, and a leading `...` is any number of axes. */
export type Pattern = readonly (number | string)[];

function fits(shape: readonly number[], pattern: Pattern): boolean {
  const open = pattern[0] === "...";
  const wanted = open ? pattern.slice(1) : pattern;
  const sizes = open ? shape.slice(Math.max(0, shape.length - wanted.length)) : shape;
  return sizes.length === wanted.length && wanted.every((size, i) => typeof size === "string" || size === sizes[i]);
}

/** A type in the form of error messages: `f32 [2, 3]`. */
const typeText = (x: TensorType | null | undefined): string => (x ? `${x.dtype} [${x.shape.join(", ")}]` : "nothing");

/**
 * Checks that the operand has one of the dtypes and fits the pattern.
 * @param hint more text for the error
 * @throws ShapeError
 */
export function checkOperand(
  op: string,
  argument: string,
  x: TensorType | null | undefined,
  pattern: Pattern,
  dtypes: readonly DType[] = FLOATS,
  hint = "",
): TensorType {
  if (x && dtypes.includes(x.dtype) && fits(x.shape, pattern)) return x;
  throw operandError(op, argument, x, `${alternatives(dtypes)} [${pattern.join(", ")}]`, hint);
}

/** The error of an operand of a wrong shape or dtype. */
export function operandError(
  op: string,
  argument: string,
  x: TensorType | null | undefined,
  expected: string,
  hint = "",
): ShapeError {
  const message = `${callName(op)}: ${argument}: expected ${expected}, received ${typeText(x)}${hint && ` (${hint})`}`;
  return new ShapeError(message, { op, argument, expected, received: typeText(x) });
}

/** The error of operands that do not fit together: argument, expected value and received value. */
export function misfit(op: string, argument: string, expected: string, received: unknown): ShapeError {
  const message = `${callName(op)}: ${argument}: expected ${expected}, received ${describeValue(received)}`;
  return new ShapeError(message, { op, argument, expected, received });
}

/** @throws ShapeError when one of the operand's axes from `first` on is empty, so that there is no value to take */
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
