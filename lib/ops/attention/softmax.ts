import { checkOperand } from "../../graph/operands.js";
import { flag } from "../../graph/rules.js";
import { defineOp } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { softmaxGrad, softmaxLayout } from "./softmax_grad.js";

/** Softmax over the last axis, or its logarithm. */
export const softmax = defineOp<{ log: boolean }>({
  name: "softmax",
  operands: [{ name: "x", batched: true }],
  attributes: { log: flag },
  shape: ([x]) => [checkOperand("softmax", "x", x, ["...", "C"])],
  layout: softmaxLayout,
  reference: ([x], a) => {
    const C = x!.shape[x!.shape.length - 1];
    const data = new Float64Array(x!.data.length);
    for (let r = 0; r < data.length; r += C) {
      const row = x!.data.subarray(r, r + C);
      const top = row.reduce((p, q) => Math.max(p, q), -Infinity);
      const sum = row.reduce((p, q) => p + Math.exp(q - top), 0);
      row.forEach((v, c) => {
        data[r + c] = a.log ? v - top - Math.log(sum) : Math.exp(v - top) / sum;
      });
    }
    return [{ shape: x!.shape, data }];
  },
  gradient: ({ outputs: [y], attrs, outGrads: [dy] }) => applyOp(softmaxGrad, [y, dy], attrs),
  toOnnx: ({ inputs: [x], outputs: [y], attrs: a }, emit) => {
    const { name, axes } = emit.value(x!);
    const axis = axes.indexOf(axes.length - 1);
    emit.set(y, emit.node(a.log ? "LogSoftmax" : "Softmax", [name], { axis }), { axes, nonNegative: !a.log });
  },
});
