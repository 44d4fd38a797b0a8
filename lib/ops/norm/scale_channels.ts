import { checkOperand } from "../../graph/operands.js";
import { defineOp, elements, type OpDefinition } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";

/** y[n, ..., c] = x[n, ..., c] scale[n, c]: a channel scale, as in S3D-G's self-gate and in squeeze-and-excitation. */
export const scaleChannels: OpDefinition<Record<string, never>> = defineOp<Record<string, never>>({
  name: "scale_channels",
  bf16OnCpu: () => true,
  operands: [
    { name: "x", batched: true },
    { name: "scale", batched: true },
  ],
  shape: ([x, scale]) => {
    const { shape, dtype } = checkOperand("scale_channels", "x", x, ["...", "N", "C"]);
    checkOperand("scale_channels", "g", scale, [shape[0], shape[shape.length - 1]], [dtype]);
    return [{ shape, dtype }];
  },
  reference: ([x, scale]) => {
    const N = x!.shape[0];
    const C = x!.shape[x!.shape.length - 1];
    const perClip = elements(x!.shape) / N;
    return [{ shape: x!.shape, data: x!.data.map((v, i) => v * scale!.data[Math.floor(i / perClip) * C + (i % C)]) }];
  },
  gradient: ({ inputs: [x, scale], outGrads: [dy], needs }, g) => {
    const positions = x!.shape.slice(1, -1).map((_, i) => i + 1);
    return [
      needs[0] ? applyOp(scaleChannels, [dy!, scale], {})[0] : null,
      needs[1] ? g.sum(g.mul(dy!, x!), positions) : null,
    ];
  },
  toOnnx: ({ inputs: [x, scale], outputs: [y] }, emit) => {
    const { name, axes, nonNegative } = emit.value(x!);
    const ones = new Array<number>(axes.length - 2).fill(1);
    const arranged = emit.reshaped(scale!, [scale!.shape[0], ...ones, scale!.shape[1]], axes);
    emit.set(y, emit.node("Mul", [name, arranged]), {
      axes,
      nonNegative: nonNegative && emit.value(scale!).nonNegative,
    });
  },
});
