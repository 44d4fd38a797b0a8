import { checkOperand } from "../../graph/operands.js";
import { defineOp, elements, type OpDefinition } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";

/** y[n, ..., c] = x[n, ..., c] g[n, c]: the self-gate of S3D-G and of squeeze-and-excitation. */
export const scaleChannels: OpDefinition<Record<string, never>> = defineOp<Record<string, never>>({
  name: "scale_channels",
  operands: [
    { name: "x", batched: true },
    { name: "gate", batched: true },
  ],
  shape: ([x, g]) => {
    const { shape, dtype } = checkOperand("scale_channels", "x", x, ["...", "N", "C"]);
    checkOperand("scale_channels", "g", g, [shape[0], shape[shape.length - 1]], [dtype]);
    return [{ shape, dtype }];
  },
  reference: ([x, g]) => {
    const N = x!.shape[0];
    const C = x!.shape[x!.shape.length - 1];
    const perClip = elements(x!.shape) / N;
    return [{ shape: x!.shape, data: x!.data.map((v, i) => v * g!.data[Math.floor(i / perClip) * C + (i % C)]) }];
  },
  gradient: ({ inputs: [x, gate], outGrads: [dy], needs }, g) => {
    const positions = x!.shape.slice(1, -1).map((_, i) => i + 1);
    return [
      needs[0] ? applyOp(scaleChannels, [dy!, gate], {})[0] : null,
      needs[1] ? g.sum(g.mul(dy!, x!), positions) : null,
    ];
  },
  toOnnx: ({ inputs: [x, g], outputs: [y] }, emit) => {
    const { name, axes, nonNegative } = emit.value(x!);
    const ones = new Array<number>(axes.length - 2).fill(1);
    const gate = emit.reshaped(g!, [g!.shape[0], ...ones, g!.shape[1]], axes);
    emit.set(y, emit.node("Mul", [name, gate]), { axes, nonNegative: nonNegative && emit.value(g!).nonNegative });
  },
});
