import { checkOperand } from "../../graph/operands.js";
import { number } from "../../graph/rules.js";
import { type Array64, defineOp } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { l2NormalizeLayout, type L2NormalizeAttrs } from "./l2_normalize_attrs.js";
import { l2NormalizeGrad } from "./l2_normalize_grad.js";

function reference([x]: (Array64 | null)[], { eps }: L2NormalizeAttrs): Array64[] {
  const C = x!.shape[x!.shape.length - 1];
  const y = x!.data.slice();
  for (let first = 0; first < y.length; first += C) {
    const row = y.subarray(first, first + C);
    const norm = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0));
    row.forEach((v, c) => {
      row[c] = v / Math.max(norm, eps);
    });
  }
  return [{ shape: x!.shape, data: y }];
}

/** y = x / max(||x||, eps) over the last axis: x `[..., C]` to y like x. */
export const l2Normalize = defineOp<L2NormalizeAttrs>({
  name: "l2_normalize",
  operands: [{ name: "x" }],
  attributes: { eps: number(0) },
  shape: ([x]) => [checkOperand("l2_normalize", "x", x, ["...", "C"])],
  layout: l2NormalizeLayout,
  reference,
  gradient: ({ inputs: [x], attrs, outGrads: [dy] }) => applyOp(l2NormalizeGrad, [x, dy], attrs),
  toOnnx: ({ inputs: [x], outputs: [y], attrs }, emit) => {
    const norm = emit.node("ReduceL2", [emit.arranged(x!), emit.integers([-1])], { keepdims: 1 });
    emit.set(y, emit.node("Div", [emit.arranged(x!), emit.node("Max", [norm, emit.floats([attrs.eps], [])])]));
  },
});
