import { checkFilled, checkOperand } from "../../graph/operands.js";
import { defineOp, elements } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { globalMeanGrad } from "./global_mean_grad.js";

/** Mean over all positions: x `[N, ..., C]` to `[N, C]`. */
export const globalMean = defineOp<Record<string, never>>({
  name: "global_mean",
  bf16OnCpu: () => true,
  operands: [{ name: "x", batched: true }],
  shape: ([x]) => {
    const { shape, dtype } = checkOperand("global_mean", "x", x, ["...", "N", "positions", "C"]);
    checkFilled("global_mean", "x", { shape: shape.slice(0, -1), dtype }, 1);
    return [{ shape: [shape[0], shape[shape.length - 1]], dtype }];
  },
  reference: ([x]) => {
    const N = x!.shape[0];
    const C = x!.shape[x!.shape.length - 1];
    const positions = elements(x!.shape) / N / C;
    const data = new Float64Array(N * C);
    for (let i = 0; i < x!.data.length; i++)
      data[Math.floor(i / (positions * C)) * C + (i % C)] += x!.data[i] / positions;
    return [{ shape: [N, C], data }];
  },
  gradient: ({ inputs: [x], outGrads: [dy] }) => applyOp(globalMeanGrad, [dy], { shape: x!.shape }),
  toOnnx: ({ inputs: [x], outputs: [y] }, emit) => {
    const { name, axes, nonNegative } = emit.value(x!);
    const ends = [0, axes.length - 1];
    const over = axes.flatMap((axis, i) => (ends.includes(axis) ? [] : [i]));
    const mean = emit.node("ReduceMean", [name, emit.integers(over)], { keepdims: 0 });
    const left = axes.filter((axis) => ends.includes(axis)).map((axis) => ends.indexOf(axis));
    emit.set(y, mean, { axes: left, nonNegative });
  },
});
