import { layout } from "../../graph/attribute_layout.js";
import { defineOp } from "../../graph/tensor.js";
import { requireF32 } from "../storage.js";

/** W'[o, ...] = W[o, ...] weight[o] / sqrt(var[o] + eps): BatchNorm's scale, folded into the weights before it. */
export const foldConvWeight = defineOp<{ eps: number }>({
  name: "fold_conv_weight",
  operands: [{ name: "convWeight" }, { name: "weight" }, { name: "variance" }],
  storage: "f32",
  shape: ([w, ...rest]) => {
    requireF32("fold_conv_weight", w, ...rest);
    return [{ shape: w!.shape, dtype: "f32" }];
  },
  layout: layout({ eps: "float" }),
  reference: ([w, weight, variance], a) => {
    const per = w!.data.length / w!.shape[0];
    const scale = weight!.data.map((v, o) => v / Math.sqrt(variance!.data[o] + a.eps));
    return [{ shape: w!.shape, data: w!.data.map((v, i) => v * scale[Math.floor(i / per)]) }];
  },
  notInOnnx: "it folds parameters: an export writes its result",
  notDifferentiable: "folding is for inference: training keeps BatchNorm",
});
