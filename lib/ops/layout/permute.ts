import { layout } from "../../graph/attribute_layout.js";
import { misfit, operandError } from "../../graph/operands.js";
import { integers } from "../../graph/rules.js";
import { defineOp, denseStrides, elements, isFloat, type OpDefinition } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";

/** Axis `i` of the output is axis `order[i]` of the input. */
export const permute: OpDefinition<{ order: readonly number[] }> = defineOp<{ order: readonly number[] }>({
  name: "permute",
  operands: [{ name: "x" }],
  halvesOnCpu: true,
  attributes: { order: integers(0) },
  anyType: true,
  shape: ([x], a) => {
    if (!x) throw operandError("permute", "x", x, "an operand");
    if ([...a.order].sort((p, q) => p - q).some((v, i) => v !== i) || a.order.length !== x.shape.length) {
      throw misfit("permute", "order", `each axis of x [${x.shape.join(", ")}] once`, a.order);
    }
    return [{ shape: a.order.map((i) => x.shape[i]), dtype: x.dtype }];
  },
  layout: layout({ order: "int[]" }),
  reference: ([x], a) => {
    const out = a.order.map((i) => x!.shape[i]);
    const from = denseStrides(x!.shape);
    const place = denseStrides(out);
    const data = Float64Array.from({ length: elements(out) }, (_, i) => {
      const index = out.reduce((sum, n, d) => sum + (Math.floor(i / place[d]) % n) * from[a.order[d]], 0);
      return x!.data[index];
    });
    return [{ shape: out, data }];
  },
  gradient: ({ inputs: [x], attrs: a, outGrads: [dy] }) =>
    isFloat(x!.dtype) ? applyOp(permute, [dy], { order: a.order.map((_, i) => a.order.indexOf(i)) }) : [null],
  // no node: the value is the same with other axis numbers
  toOnnx: ({ inputs: [x], outputs: [y], attrs: a }, emit) => {
    const { name, axes, nonNegative } = emit.value(x!);
    emit.set(y, name, { axes: axes.map((axis) => a.order.indexOf(axis)), nonNegative });
  },
});
