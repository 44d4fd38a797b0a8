import { checkFilled, checkOperand } from "../../graph/operands.js";
import { defineOp } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { reduceMaxGrad } from "./reduce_max_grad.js";

/** Maximum over the second-last axis: x `[..., S, C]` to `[..., C]`. */
export const reduceMax = defineOp<Record<string, never>>({
  name: "reduce_max",
  operands: [{ name: "x" }],
  shape: ([x]) => {
    const { shape, dtype } = checkOperand("reduce_max", "x", x, ["...", "S", "C"]);
    checkFilled("reduce_max", "x", { shape: shape.slice(-2, -1), dtype });
    return [{ shape: [...shape.slice(0, -2), shape[shape.length - 1]], dtype }];
  },
  reference: ([x]) => {
    const [S, C] = x!.shape.slice(-2);
    const rows = x!.data.length / S / C;
    const data = new Float64Array(rows * C).fill(-Infinity);
    x!.data.forEach((v, i) => {
      const at = Math.floor(i / (S * C)) * C + (i % C);
      data[at] = Math.max(data[at], v);
    });
    return [{ shape: [...x!.shape.slice(0, -2), C], data }];
  },
  gradient: ({ inputs: [x], outGrads: [dy] }) => applyOp(reduceMaxGrad, [x, dy], {}),
  toOnnx: ({ inputs: [x], outputs: [y] }, emit) => {
    const over = emit.integers([x!.shape.length - 2]);
    const { nonNegative } = emit.value(x!);
    emit.set(y, emit.node("ReduceMax", [emit.arranged(x!), over], { keepdims: 0 }), { nonNegative });
  },
});
