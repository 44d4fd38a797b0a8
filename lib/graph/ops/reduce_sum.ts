import { checkOperand, misfit } from "../operands.js";
import { integers } from "../rules.js";
import { type Array64, defineOp, elements, type TensorType } from "../tensor.js";

export interface ReduceSumAttrs {
  /** Neighbouring axes, ascending. They are not in the result. */
  axes: readonly number[];
}

function shape([x]: (TensorType | null)[], { axes }: ReduceSumAttrs): TensorType[] {
  const { shape: size, dtype } = checkOperand("reduce_sum", "x", x, ["..."]);
  const fits = axes.length > 0 && axes.every((axis, i) => axis === axes[0] + i && axis < size.length);
  if (!fits) throw misfit("reduce_sum", "axes", `neighbouring axes of [${size.join(", ")}], ascending`, axes);
  return [{ shape: size.filter((_, axis) => !axes.includes(axis)), dtype }];
}

/** x as `[outer, reduced, inner]`. */
function sizes(x: readonly number[], { axes }: ReduceSumAttrs): [number, number, number] {
  const last = axes[axes.length - 1];
  return [elements(x.slice(0, axes[0])), elements(x.slice(axes[0], last + 1)), elements(x.slice(last + 1))];
}

function reference([x]: (Array64 | null)[], a: ReduceSumAttrs): Array64[] {
  const [outer, reduced, inner] = sizes(x!.shape, a);
  const data = new Float64Array(outer * inner);
  for (let o = 0; o < outer; o++) {
    for (let r = 0; r < reduced; r++) {
      for (let i = 0; i < inner; i++) data[o * inner + i] += x!.data[(o * reduced + r) * inner + i];
    }
  }
  return [{ shape: x!.shape.filter((_, axis) => !a.axes.includes(axis)), data }];
}

const row = (name: string, size: readonly number[], axes: readonly number[], integer = 0) => ({
  name,
  inputs: [{ shape: size, integer }],
  attrs: { axes },
});

/** Sums over neighbouring axes, in an order that follows from the shape alone. */
export const reduceSum = defineOp<ReduceSumAttrs>({
  name: "reduce_sum",
  operands: [{ name: "x" }],
  attributes: { axes: integers(0) },
  shape,
  encode: (a, [x]) => sizes(x!.shape, a),
  reference,
  gradient: ({ inputs: [x], attrs: { axes }, outGrads: [dy] }, g) => {
    const kept = x!.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return [g.add(g.fill(x!.shape, 0), g.reshape(dy!, kept))];
  },
  toOnnx: ({ inputs: [x], outputs: [y], attrs }, emit) =>
    emit.set(y, emit.node("ReduceSum", [emit.arranged(x!), emit.integers(attrs.axes)], { keepdims: 0 })),
  cases: [
    row("one", [1], [0], 4),
    row("rows", [67, 37], [0], 4),
    row("columns", [67, 37], [1], 4),
    row("rows of 16", [131, 48], [0]),
    row("many rows", [1031, 21], [0], 4),
    row("many rows of 16", [2053, 32], [0]),
    row("middle", [3, 5, 7, 11], [1, 2]),
    row("first of three", [6, 5, 24], [0]),
    row("trailing", [3, 4, 70], [1, 2]),
    row("everything", [13, 71], [0, 1]),
    row("wide", [2, 4099], [1], 3),
    row("wide of 16", [3, 4096], [1]),
    row("many short rows", [2, 1100, 5], [1, 2]),
  ],
});
