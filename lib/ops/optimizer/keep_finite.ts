import { defineOp } from "../../graph/tensor.js";
import { checkVector, SCALER_STATE, SCALER_STATE_SHAPE, tensorGroups } from "./multi_tensor.js";

/**
 * Selects between the old and the next value of each tensor. Inputs: the gradient-scaler state of {@link globalNorm}, then
 * old and next of each. Outputs: the next values, or the old ones when a gradient is not finite. A skipped step thus leaves
 * running statistics unchanged.
 */
export const keepFinite = defineOp<Record<string, never>>({
  name: "keep_finite",
  operands: [{ name: "scaler state" }],
  repeated: [{ name: "old" }, { name: "next" }],
  storage: "f32",
  dense: ["inputs", "outputs"],
  shape: (inputs) => {
    checkVector("keep_finite", "scaler state", inputs[0], SCALER_STATE_SHAPE);
    return tensorGroups("keep_finite", inputs, 1, ["old", "next"]).map(([old]) => old);
  },
  reference: ([scaler, ...tensors]) =>
    Array.from({ length: tensors.length / 2 }, (_, k) => {
      const { shape, data } = tensors[2 * k + (scaler!.data[SCALER_STATE.finite] === 0 ? 0 : 1)]!;
      return { shape, data: data.slice() };
    }),
  inPlace: (inputs) => Array.from({ length: (inputs.length - 1) / 2 }, (_, k): [number, number] => [k, 1 + 2 * k]),
  notDifferentiable: "a step of an optimizer",
  notInOnnx: "a step of an optimizer: what is exported is the trained model",
});
