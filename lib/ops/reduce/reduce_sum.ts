import { layout } from "../../graph/attribute_layout.js";
import { checkOperand, misfit } from "../../graph/operands.js";
import { integers } from "../../graph/rules.js";
import { type Array64, defineOp, elements, type TensorType } from "../../graph/tensor.js";

export interface ReduceSumAttrs {
  /** Neighbouring axes in ascending order. The result does not have them. */
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

/** Sums over neighbouring axes, in an order that depends on the shape alone. */
export const reduceSum = defineOp<ReduceSumAttrs>({
  name: "reduce_sum",
  operands: [{ name: "x" }],
  attributes: { axes: integers(0) },
  shape,
  layout: layout({ outer: "int", reduced: "int", inner: "int" }, (a, [x]) => {
    const [outer, reduced, inner] = sizes(x!.shape, a);
    return { outer, reduced, inner };
  }),
  reference,
  gradient: ({ inputs: [x], attrs: { axes }, outGrads: [dy] }, g) => {
    const kept = x!.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return [g.add(g.fill(x!.shape, 0), g.reshape(dy!, kept))];
  },
  toOnnx: ({ inputs: [x], outputs: [y], attrs }, emit) =>
    emit.set(y, emit.node("ReduceSum", [emit.arranged(x!), emit.integers(attrs.axes)], { keepdims: 0 })),
});
