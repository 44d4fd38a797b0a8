import { layout } from "../../graph/attribute_layout.js";
import { defineOp } from "../../graph/tensor.js";
import { requireF32 } from "../storage.js";

/**
 * b'[o] = bias + (b - mean) weight / sqrt(var + eps). Inputs: weight, bias, mean, variance and the convolution's b, if
 * it has one.
 */
export const foldConvBias = defineOp<{ eps: number }>({
  name: "fold_conv_bias",
  operands: [{ name: "weight" }, { name: "bias" }, { name: "mean" }, { name: "variance" }, { name: "convBias" }],
  storage: "f32",
  shape: ([weight, ...rest]) => {
    requireF32("fold_conv_bias", weight, ...rest);
    return [{ shape: weight!.shape, dtype: "f32" }];
  },
  layout: layout({ eps: "float" }),
  reference: ([weight, bias, mean, variance, own], a) => {
    const data = weight!.data.map(
      (v, o) => bias!.data[o] + (((own?.data[o] ?? 0) - mean!.data[o]) * v) / Math.sqrt(variance!.data[o] + a.eps),
    );
    return [{ shape: weight!.shape, data }];
  },
  notInOnnx: "it folds parameters: an export writes its result",
  notDifferentiable: "folding is for inference: training keeps BatchNorm",
});
