import { layout } from "../../graph/attribute_layout.js";
import { type Array64, defineOp } from "../../graph/tensor.js";
import { checkVector, SCALER_STATE, SCALER_STATE_SHAPE, tensorGroups } from "./multi_tensor.js";

export interface AdamAttrs {
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** AdamW: the decay is applied to the parameter. Otherwise it is added to the gradient, as L2 regularisation. */
  decoupled: boolean;
}

const ROLES = ["parameter", "gradient", "first moment", "second moment"];

function move([p, g, m, v]: Array64[], learningRates: Float64Array, scaler: Float64Array, a: AdamAttrs): Array64[] {
  const out = [p, m, v].map((x) => ({ shape: x.shape, data: x.data.slice() }));
  if (scaler[SCALER_STATE.finite] === 0) return out;
  const [learningRate, stepSize, root] = learningRates;
  for (let i = 0; i < p.data.length; i++) {
    const gradient = g.data[i] * scaler[SCALER_STATE.scale] + (a.decoupled ? 0 : a.weightDecay * p.data[i]);
    const first = m.data[i] + (1 - a.beta1) * (gradient - m.data[i]);
    const second = a.beta2 * v.data[i] + (1 - a.beta2) * gradient ** 2;
    const kept = p.data[i] * (a.decoupled ? 1 - learningRate * a.weightDecay : 1);
    out[0].data[i] = kept - (stepSize * first) / (Math.sqrt(second) * root + a.eps);
    out[1].data[i] = first;
    out[2].data[i] = second;
  }
  return out;
}

/**
 * A step of Adam (arXiv 1412.6980) or AdamW (arXiv 1711.05101) on many parameters. Inputs: learning rates `[3]` = the
 * learning rate, learning rate / (1 - beta1^t), 1 / sqrt(1 - beta2^t); the gradient-scaler state of {@link globalNorm}; then
 * parameter, gradient and both moments of each. Outputs: the new parameter and moments of each, in place where a program
 * updates them, and unchanged when a gradient is not finite.
 */
export const adam = defineOp<AdamAttrs>({
  name: "adam",
  operands: [{ name: "learning rates" }, { name: "scaler state" }],
  repeated: [{ name: "parameter" }, { name: "gradient" }, { name: "first moment" }, { name: "second moment" }],
  storage: "f32",
  dense: ["inputs", "outputs"],
  shape: (inputs) => {
    checkVector("adam", "learning rates", inputs[0], [3]);
    checkVector("adam", "scaler state", inputs[1], SCALER_STATE_SHAPE);
    return tensorGroups("adam", inputs, 2, ROLES).flatMap(([p]) => [p, p, p]);
  },
  layout: layout({ beta1: "float", beta2: "float", eps: "float", weightDecay: "float", decoupled: "bool" }),
  reference: ([r, c, ...tensors], a) =>
    Array.from({ length: tensors.length / 4 }, (_, k) =>
      move(tensors.slice(4 * k, 4 * k + 4) as Array64[], r!.data, c!.data, a),
    ).flat(),
  inPlace: (inputs) =>
    Array.from({ length: (inputs.length - 2) / 4 }, (_, k) =>
      [0, 2, 3].map((role, i): [number, number] => [3 * k + i, 2 + 4 * k + role]),
    ).flat(),
  notDifferentiable: "a step of an optimizer",
  notInOnnx: "a step of an optimizer: what is exported is the trained model",
});
