import { layout } from "../../graph/attribute_layout.js";
import { type Array64, defineOp } from "../../graph/tensor.js";
import { checkVector, CONTROL_SHAPE, tensorGroups } from "./multi_tensor.js";

export interface AdamAttrs {
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  /** AdamW: the decay acts on the parameter. Else it is added to the gradient, as L2 regularisation. */
  decoupled: boolean;
}

const ROLES = ["parameter", "gradient", "first moment", "second moment"];

function move([p, g, m, v]: Array64[], rates: Float64Array, control: Float64Array, a: AdamAttrs): Array64[] {
  const out = [p, m, v].map((x) => ({ shape: x.shape, data: x.data.slice() }));
  if (control[2] === 0) return out;
  const [rate, step, root] = rates;
  for (let i = 0; i < p.data.length; i++) {
    const gradient = g.data[i] * control[1] + (a.decoupled ? 0 : a.weightDecay * p.data[i]);
    const first = m.data[i] + (1 - a.beta1) * (gradient - m.data[i]);
    const second = a.beta2 * v.data[i] + (1 - a.beta2) * gradient ** 2;
    const kept = p.data[i] * (a.decoupled ? 1 - rate * a.weightDecay : 1);
    out[0].data[i] = kept - (step * first) / (Math.sqrt(second) * root + a.eps);
    out[1].data[i] = first;
    out[2].data[i] = second;
  }
  return out;
}

/**
 * A step of Adam (arXiv 1412.6980) or AdamW (arXiv 1711.05101) on many parameters: rates `[3]` = rate, rate / (1 - beta1^t),
 * 1 / sqrt(1 - beta2^t); control of {@link globalNorm}; then parameter, gradient and both moments of each. Gives the new
 * parameter and moments of each, in place where a program updates them; the old ones when control says so.
 */
export const adam = defineOp<AdamAttrs>({
  name: "adam",
  operands: [{ name: "rates" }, { name: "control" }],
  repeated: [{ name: "parameter" }, { name: "gradient" }, { name: "first moment" }, { name: "second moment" }],
  storage: "f32",
  shape: (inputs) => {
    checkVector("adam", "rates", inputs[0], [3]);
    checkVector("adam", "control", inputs[1], CONTROL_SHAPE);
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
