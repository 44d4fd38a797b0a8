import { elements, type Tensor } from "../graph/tensor.js";
import { tensor, wrong } from "./check.js";
import { axisOf } from "./elementwise.js";
import * as core from "./layers.js";

/** The same elements in another shape. One size may be -1 and follows from the others. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const { shape: from } = tensor("reshape", "x", x);
  const sizes = Array.isArray(shape) ? (shape as readonly number[]) : [Number.NaN];
  const open = sizes.filter((n) => n === -1).length;
  const rest = elements(sizes.filter((n) => n !== -1));
  const total = elements(from);
  const to = sizes.map((n) => (n === -1 ? total / rest : n));
  if (open <= 1 && to.every((n) => Number.isSafeInteger(n) && n >= 0) && elements(to) === total)
    return core.reshape(x, to);
  throw wrong("reshape", "shape", `sizes of ${total} elements, as [${from.join(", ")}] has`, shape);
}

/** Flattens all axes but the first: x `[N, ...]` to `[N, size]`. */
export const flatten = (x: Tensor): Tensor => reshape(x, [tensor("flatten", "x", x).shape[0], -1]);

/** Axis `i` of the result is axis `order[i]` of x. */
export function permute(x: Tensor, order: readonly number[]): Tensor {
  const { shape } = tensor("permute", "x", x);
  const known = Array.isArray(order) && order.length === shape.length && shape.every((_, axis) => order.includes(axis));
  if (!known) throw wrong("permute", "order", `each axis from 0 to ${shape.length - 1} once`, order);
  return core.permute(x, order);
}

/** Joins tensors along an axis; -1 is the last. */
export function concat(list: readonly Tensor[], axis: number): Tensor {
  if (!Array.isArray(list) || list.length === 0) throw wrong("concat", "list", "at least one tensor in a list", list);
  const tensors = list.map((x, i) => tensor("concat", `list[${i}]`, x));
  return core.concat(tensors, axisOf("concat", axis, tensors[0].shape.length));
}

/** The block of `size` elements per axis that begins at `start`; a size of -1 reaches to the end. */
export function slice(x: Tensor, start: readonly number[], size: readonly number[]): Tensor {
  const { shape } = tensor("slice", "x", x);
  for (const [argument, list] of Object.entries({ start, size })) {
    const fits = Array.isArray(list) && list.length === shape.length && list.every((n) => Number.isInteger(n));
    if (!fits) throw wrong("slice", argument, `a whole number for each axis of [${shape.join(", ")}]`, list);
  }
  const sizes = size.map((n, axis) => (n === -1 ? shape[axis] - start[axis] : n));
  return core.slice(x, start, sizes);
}

/** 2x2x2 space-to-depth blocks: x `[N, T, H, W, C]` to `[N, T/2, H/2, W/2, 8 C]`. */
export const spaceToDepth = (x: Tensor): Tensor =>
  core.spaceToDepth(tensor("spaceToDepth", "x", x, { sizes: "[N, T, H, W, C]", dtype: "f32" }));
