import { layout } from "../../graph/attribute_layout.js";
import { misfit, operandError } from "../../graph/operands.js";
import { integers } from "../../graph/rules.js";
import { defineOp, denseStrides, elements, isFloat } from "../../graph/tensor.js";

export interface SliceAttrs {
  start: readonly number[];
  size: readonly number[];
}

/** The block of `size` elements per axis that begins at `start`. */
export const slice = defineOp<SliceAttrs>({
  name: "slice",
  operands: [{ name: "x" }],
  halvesOnCpu: true,
  attributes: { start: integers(0), size: integers(0) },
  anyType: true,
  shape: ([x], a) => {
    if (!x) throw operandError("slice", "x", x, "an operand");
    for (const name of ["start", "size"] as const) {
      if (a[name].length !== x.shape.length)
        throw misfit("slice", name, `one integer per axis of x [${x.shape.join(", ")}]`, a[name]);
    }
    if (!a.size.every((n, i) => a.start[i] + n <= x.shape[i])) {
      throw misfit("slice", "size", `a block at [${a.start.join(", ")}] inside x [${x.shape.join(", ")}]`, a.size);
    }
    return [{ shape: a.size, dtype: x.dtype }];
  },
  layout: layout({ start: "int[]" }),
  reference: ([x], a) => {
    const from = denseStrides(x!.shape);
    const place = denseStrides(a.size);
    const data = Float64Array.from({ length: elements(a.size) }, (_, i) => {
      const index = a.size.reduce((sum, n, d) => sum + (a.start[d] + (Math.floor(i / place[d]) % n)) * from[d], 0);
      return x!.data[index];
    });
    return [{ shape: a.size, data }];
  },
  gradient: ({ inputs: [x], attrs: a, outGrads: [dy] }, g) => {
    const high = x!.shape.map((n, i) => n - a.start[i] - a.size[i]);
    return [isFloat(x!.dtype) ? g.pad(dy!, a.start, high) : null];
  },
  toOnnx: ({ inputs: [x], outputs: [y], attrs: a }, emit) => {
    const { name, axes, nonNegative } = emit.value(x!);
    const cut = axes.flatMap((axis, i) => (a.size[axis] < x!.shape[axis] ? [i] : []));
    const bounds = [cut.map((i) => a.start[axes[i]]), cut.map((i) => a.start[axes[i]] + a.size[axes[i]]), cut];
    const block = cut.length > 0 ? emit.node("Slice", [name, ...bounds.map((list) => emit.integers(list))]) : name;
    emit.set(y, block, { axes, nonNegative });
  },
});
