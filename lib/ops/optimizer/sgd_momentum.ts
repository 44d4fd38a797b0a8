import { layout } from "../../graph/attribute_layout.js";
import { type Array64, defineOp } from "../../graph/tensor.js";
import { checkVector, SCALER_STATE, SCALER_STATE_SHAPE, tensorGroups } from "./multi_tensor.js";

export interface SgdMomentumAttrs {
  momentum: number;
  /** Added to the gradient, times the parameter. */
  weightDecay: number;
  nesterov: boolean;
}

function move([p, g, b]: Array64[], learningRate: number, scaler: Float64Array, a: SgdMomentumAttrs): Array64[] {
  const out = [p, b].map((x) => ({ shape: x.shape, data: x.data.slice() }));
  if (scaler[SCALER_STATE.finite] === 0) return out;
  for (let i = 0; i < p.data.length; i++) {
    const gradient = g.data[i] * scaler[SCALER_STATE.scale] + a.weightDecay * p.data[i];
    const buffer = a.momentum * b.data[i] + gradient;
    out[0].data[i] -= learningRate * (a.nesterov ? gradient + a.momentum * buffer : buffer);
    out[1].data[i] = buffer;
  }
  return out;
}

/**
 * A step of gradient descent with momentum on many parameters (as torch.optim.SGD without dampening). Inputs: learning rate
 * `[1]`, the gradient-scaler state of {@link globalNorm}, then parameter, gradient and momentum buffer of each. Outputs: the
 * new parameter and buffer of each, in place where a program updates them, and unchanged when a gradient is not finite.
 */
export const sgdMomentum = defineOp<SgdMomentumAttrs>({
  name: "sgd_momentum",
  operands: [{ name: "learning rate" }, { name: "scaler state" }],
  repeated: [{ name: "parameter" }, { name: "gradient" }, { name: "buffer" }],
  storage: "f32",
  dense: ["inputs", "outputs"],
  shape: (inputs) => {
    checkVector("sgd_momentum", "learning rate", inputs[0], [1]);
    checkVector("sgd_momentum", "scaler state", inputs[1], SCALER_STATE_SHAPE);
    return tensorGroups("sgd_momentum", inputs, 2, ["parameter", "gradient", "buffer"]).flatMap(([p]) => [p, p]);
  },
  layout: layout({ momentum: "float", weightDecay: "float", nesterov: "bool" }),
  reference: ([r, c, ...tensors], a) =>
    Array.from({ length: tensors.length / 3 }, (_, k) =>
      move(tensors.slice(3 * k, 3 * k + 3) as Array64[], r!.data[0], c!.data, a),
    ).flat(),
  inPlace: (inputs) =>
    Array.from({ length: (inputs.length - 2) / 3 }, (_, k) =>
      [0, 2].map((role, i): [number, number] => [2 * k + i, 2 + 3 * k + role]),
    ).flat(),
  notDifferentiable: "a step of an optimizer",
  notInOnnx: "a step of an optimizer: what is exported is the trained model",
});
