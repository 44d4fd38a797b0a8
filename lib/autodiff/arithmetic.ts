// Arithmetic on symbolic tensors, for losses and gradient rules.
import { type BinaryKind, binary } from "../ops/elementwise/binary.js";
import { fill } from "../ops/elementwise/fill.js";
import { pad } from "../ops/layout/pad.js";
import { reduceSum } from "../ops/reduce/reduce_sum.js";
import { reshape } from "../ops/layout/reshape.js";
import { slice } from "../ops/layout/slice.js";
import { type GradientBuilder, sameShape, type Tensor } from "../graph/tensor.js";
import { applyOp } from "../graph/trace.js";

export const combined = (a: Tensor, b: Tensor, kind: BinaryKind): Tensor => applyOp(binary, [a, b], { kind })[0];

const reshaped = (x: Tensor, shape: readonly number[]): Tensor =>
  sameShape(x.shape, shape) ? x : applyOp(reshape, [x], { shape })[0];

export const filled = (shape: readonly number[], value: number): Tensor => applyOp(fill, [], { shape, value })[0];

/** x times a number that is known at trace time. */
export const scaled = (x: Tensor, factor: number): Tensor => combined(x, filled([], factor), "mul");

/** Sum over the given axes, which the result does not have. */
export function summed(x: Tensor, axes: readonly number[]): Tensor {
  let y = x;
  // the last axes first, so that the numbers of the earlier axes stay valid
  const left = [...axes].sort((a, b) => a - b);
  while (left.length > 0) {
    let first = left.length - 1;
    while (first > 0 && left[first - 1] === left[first] - 1) first--;
    y = applyOp(reduceSum, [y], { axes: left.splice(first) })[0];
  }
  return y;
}

/**
 * The gradient of an operand of `shape` that was broadcast to the shape of `gradient`: the sum over the repeated
 * elements.
 */
function summedTo(gradient: Tensor, shape: readonly number[]): Tensor {
  const skip = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((size, axis) => {
    const repeats = axis < skip || (shape[axis - skip] === 1 && size !== 1);
    return repeats ? [axis] : [];
  });
  return reshaped(summed(gradient, axes), shape);
}

/** What `differentiate` passes to gradient rules. */
export const gradientBuilder: GradientBuilder = {
  add: (a, b) => combined(a, b, "add"),
  sub: (a, b) => combined(a, b, "sub"),
  mul: (a, b) => combined(a, b, "mul"),
  div: (a, b) => combined(a, b, "div"),
  scale: scaled,
  fill: filled,
  reshape: reshaped,
  sum: summed,
  sumTo: summedTo,
  slice: (x, start, size) => applyOp(slice, [x], { start, size })[0],
  pad: (x, low, high) => applyOp(pad, [x], { low, high })[0],
};
