import { checkOperand } from "../graph/operands.js";
import { permute, reduceMax as maxDefinition, reduceSum as sumDefinition, reshape } from "../ops/index.js";
import { integer, type Rule, wrongArgument } from "../graph/rules.js";
import { elements, type Tensor } from "../graph/tensor.js";
import { applyOp } from "../graph/trace.js";
import { type Operand, readOperand } from "./operand.js";
import { type OutOptions, readList, readOptions } from "./options.js";
import type { Result } from "./result.js";
import { only, runCall } from "./run.js";

export interface ReduceOptions extends OutOptions {
  /** Keep the axes, with size 1. Default false. */
  keepDims?: boolean | undefined;
}

/**
 * Sum over axes, in an order that depends on the shape alone.
 * @param x floats `[...]`
 * @param axes one axis or several, from 0; all if not given
 * @returns x's other axes
 */
export const reduceSum = (x: Operand, axes?: number | readonly number[], options?: ReduceOptions): Promise<Result> =>
  reduce("reduceSum", x, axes, options, (rows) => applyOp(sumDefinition, [rows], { axes: [1] })[0]);

/**
 * Maximum over axes, none of which may be empty; NaN wins.
 * @param x floats `[...]`
 * @param axes one axis or several, from 0; all if not given
 * @returns x's other axes
 */
export const reduceMax = (x: Operand, axes?: number | readonly number[], options?: ReduceOptions): Promise<Result> =>
  reduce("reduceMax", x, axes, options, (rows) => applyOp(maxDefinition, [rows], {})[0]);

/** @param over the reduction of `[outer, reduced, inner]` */
async function reduce(
  op: string,
  value: Operand,
  given: number | readonly number[] | undefined,
  options: ReduceOptions | undefined,
  over: (rows: Tensor) => Tensor,
): Promise<Result> {
  const { keepDims = false, signal, out } = readOptions(op, options, ["keepDims", "signal", "out"]);
  if (typeof keepDims !== "boolean") throw wrongArgument(op, "keepDims", "true or false", keepDims);
  const x = readOperand(op, "x", value);
  const { shape } = checkOperand(op, "x", x, ["..."]);
  const all = shape.map((_, axis) => axis);
  const axes = readAxes(op, given, shape.length) ?? all;
  const others = all.filter((axis) => !axes.includes(axis));
  const build = ({ x: tensor }: Record<string, Tensor | null>) => {
    const [first, last] = [Math.min(...axes), Math.max(...axes)];
    let rows = tensor!;
    let sizes = [shape.slice(0, first), shape.slice(first, last + 1), shape.slice(last + 1)];
    if (axes.length === 0 || last - first >= axes.length) {
      // axes that are not neighbours move after the others
      [rows] = applyOp(permute, [rows], { order: [...others, ...axes] });
      sizes = [others.map((axis) => shape[axis]), axes.map((axis) => shape[axis]), []];
    }
    const y = over(applyOp(reshape, [rows], { shape: sizes.map(elements) })[0]);
    return applyOp(reshape, [y], { shape: others.map((axis) => shape[axis]) });
  };
  const result = await only<Float32Array>(runCall({ op, operands: { x }, attrs: { axes }, build, signal, out: [out] }));
  if (keepDims) result.shape = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return result;
}

/** Axes in ascending order; undefined where none are given. */
function readAxes(op: string, given: number | readonly number[] | undefined, rank: number): number[] | undefined {
  if (given === undefined) return undefined;
  const list = typeof given === "number" ? [given] : readList(op, "axes", given);
  const axis = integer(0, rank - 1);
  const rule: Rule = {
    expected: `axes from 0 to ${rank - 1}, each once`,
    accepts: (value) => Array.isArray(value) && value.every(axis.accepts) && new Set(value).size === value.length,
  };
  if (!rule.accepts(list)) throw wrongArgument(op, "axes", rule.expected, given);
  return [...list].sort((a, b) => a - b);
}
