import { layout } from "../../graph/attribute_layout.js";
import { checkOperand } from "../../graph/operands.js";
import { type Attributes, flag, number, optional } from "../../graph/rules.js";
import { type Array64, defineOp, type GradientNode, type TensorType } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { batchNormGrad } from "./batch_norm_grad.js";

/**
 * BatchNorm in training: y = (x - mean) / sqrt(var + eps) weight + bias with the mean and the biased variance of the
 * batch, over all axes but the last. Inputs x `[..., C]`, weight, bias, running mean and running variance `[C]`; outputs y,
 * then `[C]` each: mean and biased variance of the batch, new running mean, new running variance.
 */
export interface BatchNormTrainAttrs {
  eps: number;
  /** As in PyTorch: running = (1 - momentum) running + momentum batch, with the unbiased variance. */
  momentum: number;
  relu?: boolean | undefined;
}

const rules: Attributes<BatchNormTrainAttrs> = { eps: number(0), momentum: number(0, 1), relu: optional(flag) };

function shape([x, weight, bias, mean, variance]: (TensorType | null)[]): TensorType[] {
  const type = checkOperand("batch_norm_train", "x", x, ["...", "C"]);
  const vectors = Object.entries({ weight, bias, mean, variance });
  return [
    type,
    ...vectors.map(([name, v]) => checkOperand("batch_norm_train", name, v, type.shape.slice(-1), ["f32"])),
  ];
}

function reference([x, weight, bias, ...running]: (Array64 | null)[], a: BatchNormTrainAttrs): Array64[] {
  const C = x!.shape[x!.shape.length - 1];
  const rows = x!.data.length / C;
  const mean = new Float64Array(C);
  const variance = new Float64Array(C);
  x!.data.forEach((v, i) => {
    mean[i % C] += v / rows;
  });
  x!.data.forEach((v, i) => {
    variance[i % C] += (v - mean[i % C]) ** 2 / rows;
  });
  const data = x!.data.map((v, i) => {
    const c = i % C;
    const y = ((v - mean[c]) / Math.sqrt(variance[c] + a.eps)) * weight!.data[c] + bias!.data[c];
    return a.relu ? Math.max(0, y) : y;
  });
  const unbiased = rows > 1 ? rows / (rows - 1) : 1;
  const step = (old: Float64Array, now: Float64Array, factor: number) =>
    old.map((v, c) => (1 - a.momentum) * v + a.momentum * factor * now[c]);
  const vectors = [mean, variance, step(running[0]!.data, mean, 1), step(running[1]!.data, variance, unbiased)];
  return [{ shape: x!.shape, data }, ...vectors.map((v) => ({ shape: [C], data: v }))];
}

/** The statistics are not differentiated as outputs; gradients come through y alone. */
function gradient({ inputs: [x, weight, bias], outputs, attrs, outGrads: [dy] }: GradientNode<BatchNormTrainAttrs>) {
  if (!dy) return [null, null, null, null, null];
  const { eps, relu } = attrs;
  const inputs = [dy, x, weight, bias, outputs[1], outputs[2]];
  return [...applyOp(batchNormGrad, inputs, { eps, relu, training: true }), null, null];
}

/** See {@link BatchNormTrainAttrs}. */
export const batchNormTrain = defineOp<BatchNormTrainAttrs>({
  name: "batch_norm_train",
  operands: [
    { name: "x" },
    { name: "weight", f32: true },
    { name: "bias", f32: true },
    { name: "running mean", f32: true },
    { name: "running variance", f32: true },
  ],
  attributes: rules,
  differentiated: { inputs: [0, 1, 2], outputs: [0] },
  shape,
  layout: layout({ eps: "float", momentum: "float", relu: "bool" }),
  reference,
  gradient,
  notInOnnx: "exported graphs are of inference",
  inPlace: () => [
    [3, 3],
    [4, 4],
  ],
});
