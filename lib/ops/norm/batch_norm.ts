import { layout } from "../../graph/attribute_layout.js";
import { channelsFirst } from "../../graph/onnx_emitter.js";
import { checkOperand } from "../../graph/operands.js";
import { type Attributes, flag, number, optional } from "../../graph/rules.js";
import { defineOp, type GradientNode } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { batchNormGrad } from "./batch_norm_grad.js";

/** The running statistics are constants: this is frozen BatchNorm in a network that is fine-tuned. */
function gradient({
  inputs: [x, weight, bias, mean, variance],
  attrs: { eps, relu },
  outGrads: [dy],
}: GradientNode<Attrs>) {
  const inputs = [dy, x, weight, bias, mean, variance];
  return [...applyOp(batchNormGrad, inputs, { eps, relu, training: false }), null, null];
}

interface Attrs {
  eps: number;
  relu?: boolean | undefined;
}

const rules: Attributes<Attrs> = { eps: number(0), relu: optional(flag) };

/** Inference: y = (x - mean) / sqrt(var + eps) weight + bias, per channel. Inputs x, weight, bias, running mean and variance. */
export const batchNorm = defineOp<Attrs>({
  name: "batch_norm",
  operands: [
    { name: "x", batched: true },
    { name: "weight", f32: true },
    { name: "bias", f32: true },
    { name: "mean", f32: true },
    { name: "variance", f32: true },
  ],
  attributes: rules,
  differentiated: { inputs: [0, 1, 2] }, // running statistics are constants
  shape: ([x, weight, bias, mean, variance]) => {
    const { shape, dtype } = checkOperand("batch_norm", "x", x, ["...", "C"]);
    for (const [name, vector] of Object.entries({ weight, bias, mean, variance }))
      checkOperand("batch_norm", name, vector, shape.slice(-1), ["f32"]);
    return [{ shape, dtype }];
  },
  layout: layout({ eps: "float", relu: "bool" }),
  reference: ([x, weight, bias, mean, variance], a) => {
    const C = x!.shape[x!.shape.length - 1];
    const data = x!.data.map((v, i) => {
      const c = i % C;
      const y = ((v - mean!.data[c]) / Math.sqrt(variance!.data[c] + a.eps)) * weight!.data[c] + bias!.data[c];
      return a.relu ? Math.max(0, y) : y;
    });
    return [{ shape: x!.shape, data }];
  },
  gradient,
  toOnnx: ({ inputs: [x, ...parameters], outputs: [y], attrs: a }, emit) => {
    const axes = channelsFirst(x!.shape.length);
    const inputs = [emit.arranged(x!, axes), ...parameters.map((p) => emit.arranged(p!))];
    const name = emit.node("BatchNormalization", inputs, { epsilon: { float: a.eps } });
    emit.set(y, a.relu ? emit.node("Relu", [name]) : name, { axes, nonNegative: a.relu });
  },
});
