import { defineOp } from "../../graph/tensor.js";
import { checkVector, CONTROL_SHAPE, tensorGroups } from "./multi_tensor.js";

/**
 * Control of {@link globalNorm}, then old and next value of each tensor: gives the next values, or the old ones when a
 * gradient is not finite. For running statistics, which a step that is not taken leaves as they were.
 */
export const keepFinite = defineOp<Record<string, never>>({
  name: "keep_finite",
  operands: [{ name: "control" }],
  repeated: [{ name: "old" }, { name: "next" }],
  storage: "f32",
  shape: (inputs) => {
    checkVector("keep_finite", "control", inputs[0], CONTROL_SHAPE);
    return tensorGroups("keep_finite", inputs, 1, ["old", "next"]).map(([old]) => old);
  },
  reference: ([c, ...tensors]) =>
    Array.from({ length: tensors.length / 2 }, (_, k) => {
      const { shape, data } = tensors[2 * k + (c!.data[2] === 0 ? 0 : 1)]!;
      return { shape, data: data.slice() };
    }),
  inPlace: (inputs) => Array.from({ length: (inputs.length - 1) / 2 }, (_, k): [number, number] => [k, 1 + 2 * k]),
  notDifferentiable: "a step of an optimizer",
  notInOnnx: "a step of an optimizer: what is exported is the trained model",
});
