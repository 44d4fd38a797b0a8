import { layout } from "../../graph/attribute_layout.js";
import { defineOp } from "../../graph/tensor.js";
import { checkVector, SCALER_STATE_SHAPE, tensorGroups } from "./multi_tensor.js";

export interface GlobalNormAttrs {
  /** Gradients are scaled down so that their common 2-norm is at most this; 0 turns clipping off. */
  maxNorm: number;
}

/**
 * The gradient-scaler state `[3]` of an optimizer step: the 2-norm of all gradients together times `unscale` `[1]`, which is
 * 1 / (loss scale x summed batches); the factor that unscales and clips them (maxNorm / (norm + 1e-6), at most 1, as torch's
 * clip_grad_norm_); and 1 when the norm is finite. When the norm is not finite, or its square overflows f32, the last two are
 * 0 and no op takes the step.
 */
export const globalNorm = defineOp<GlobalNormAttrs>({
  name: "global_norm",
  operands: [{ name: "unscale" }],
  repeated: [{ name: "gradient" }],
  storage: "f32",
  dense: ["inputs", "outputs"],
  shape: (inputs) => {
    checkVector("global_norm", "unscale", inputs[0], [1]);
    tensorGroups("global_norm", inputs, 1, ["gradient"]);
    return [{ shape: SCALER_STATE_SHAPE, dtype: "f32" }];
  },
  layout: layout({ maxNorm: "float" }),
  reference: ([unscale, ...gradients], { maxNorm }) => {
    const u = unscale!.data[0];
    const norm = u * Math.sqrt(gradients.reduce((sum, g) => g!.data.reduce((s, v) => s + v * v, sum), 0));
    const clip = maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1;
    const state = Number.isFinite(norm) ? [norm, u * clip, 1] : [norm, 0, 0];
    return [{ shape: SCALER_STATE_SHAPE, data: Float64Array.from(state) }];
  },
  notDifferentiable: "a step of an optimizer",
  notInOnnx: "a step of an optimizer: what is exported is the trained model",
});
