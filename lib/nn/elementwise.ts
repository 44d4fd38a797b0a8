import { type BinaryKind, softmax as softmaxOp, type UnaryKind } from "../ops/index.js";
import { filled, summed } from "../autodiff/arithmetic.js";
import { elements, type Tensor } from "../graph/tensor.js";
import { applyOp } from "../graph/trace.js";
import { options as checked, tensor, wrong } from "./check.js";
import * as core from "./layers.js";

const of = (name: string, x: Tensor, kind: UnaryKind): Tensor =>
  core.unary(tensor(name, "x", x, { dtype: "f32" }), kind);

/** max(x, 0). */
export const relu = (x: Tensor): Tensor => of("relu", x, "relu");
/** 1 / (1 + exp(-x)). */
export const sigmoid = (x: Tensor): Tensor => of("sigmoid", x, "sigmoid");
export const tanh = (x: Tensor): Tensor => of("tanh", x, "tanh");
/** x sigmoid(x), also called SiLU. */
export const swish = (x: Tensor): Tensor => of("swish", x, "swish");
export const exp = (x: Tensor): Tensor => of("exp", x, "exp");
/** log(1 + exp(x)). */
export const softplus = (x: Tensor): Tensor => of("softplus", x, "softplus");

/**
 * x times the normal distribution function of x. @param options.approximate `tanh`: by the tanh approximation. Default
 * `none`
 */
export function gelu(x: Tensor, options?: { approximate?: "none" | "tanh" | undefined }): Tensor {
  const { approximate = "none" } = checked("gelu", options, ["approximate"]);
  if (approximate !== "none" && approximate !== "tanh")
    throw wrong("gelu", "approximate", '"none" or "tanh"', approximate);
  return of("gelu", x, approximate === "tanh" ? "gelu_tanh" : "gelu");
}

/** Softmax over the last axis, or its logarithm. */
export function softmax(x: Tensor, options?: { log?: boolean | undefined }): Tensor {
  const { log = false } = checked("softmax", options, ["log"]);
  return applyOp(softmaxOp, [tensor("softmax", "x", x, { sizes: "[..., C]", dtype: "f32" })], { log })[0];
}

/** A tensor as it is; a number as a tensor of one element. */
const operand = (name: string, argument: string, value: Tensor | number): Tensor =>
  typeof value === "number" ? filled([], value) : tensor(name, argument, value, { dtype: "f32" });

function both(name: string, a: Tensor | number, b: Tensor | number, kind: BinaryKind): Tensor {
  if (typeof a === "number" && typeof b === "number") throw wrong(name, "a", "a tensor, or a number with a tensor", a);
  return core.binary(operand(name, "a", a), operand(name, "b", b), kind);
}

/** a + b. This and the next four take tensors that broadcast as in NumPy, or numbers. */
export const add = (a: Tensor | number, b: Tensor | number): Tensor => both("add", a, b, "add");
export const sub = (a: Tensor | number, b: Tensor | number): Tensor => both("sub", a, b, "sub");
export const mul = (a: Tensor | number, b: Tensor | number): Tensor => both("mul", a, b, "mul");
export const div = (a: Tensor | number, b: Tensor | number): Tensor => both("div", a, b, "div");
/** The larger of each pair of elements. */
export const maximum = (a: Tensor | number, b: Tensor | number): Tensor => both("maximum", a, b, "max");

/** An axis by its number; a negative number counts from the end. */
export function axisOf(name: string, axis: unknown, rank: number): number {
  const from = Number.isInteger(axis) && (axis as number) < 0 ? (axis as number) + rank : (axis as number);
  if (Number.isInteger(from) && from >= 0 && from < rank) return from;
  throw wrong(name, "axis", `an axis from ${-rank} to ${rank - 1}`, axis);
}

function axesOf(name: string, x: Tensor, axes: number | readonly number[] | undefined): number[] {
  const { shape } = tensor(name, "x", x, { dtype: "f32" });
  const list = axes === undefined ? [...shape.keys()] : typeof axes === "number" ? [axes] : axes;
  if (!Array.isArray(list)) throw wrong(name, "axes", "an axis or a list of them", axes);
  return [...new Set(list.map((axis) => axisOf(name, axis, shape.length)))];
}

/** Sum over axes, which the result does not have. @param axes default: all, which gives a scalar `[]` */
export function sum(x: Tensor, axes?: number | readonly number[]): Tensor {
  const over = axesOf("sum", x, axes);
  return over.length === 0 ? x : summed(x, over);
}

/** Mean over axes, which the result does not have. @param axes default: all, which gives a scalar `[]` */
export function mean(x: Tensor, axes?: number | readonly number[]): Tensor {
  const over = axesOf("mean", x, axes);
  return over.length === 0 ? x : mul(summed(x, over), 1 / elements(over.map((axis) => x.shape[axis])));
}

/**
 * In training, sets a random share of the elements to 0 and scales the others up; in inference returns x.
 * @param rate the share. Default: the trainer's `dropout`
 */
export function dropout(x: Tensor, rate?: number): Tensor {
  if (rate !== undefined && !(rate >= 0 && rate < 1)) throw wrong("dropout", "rate", "a share from 0 to below 1", rate);
  return core.dropout(tensor("dropout", "x", x, { dtype: "f32" }), rate);
}
