import { layout } from "../../graph/attribute_layout.js";
import { defineOp, type DType, shapeError } from "../../graph/tensor.js";
import { requireF32 } from "../storage.js";

export interface MeanOfSumsAttrs {
  /** First channel, and number of channels. */
  first: number;
  channels: number;
  /** Divisor of the sums. */
  positions: number;
  dtype: DType;
}

/**
 * Means per clip and channel from the sums `[N, parts, C]` of a `conv3d_sums`: to `[N, channels]` in a storage type.
 */
export const meanOfSums = defineOp<MeanOfSumsAttrs>({
  name: "mean_of_sums",
  operands: [{ name: "sums", f32: true, batched: true }],
  shape: ([sums], a) => {
    requireF32("mean_of_sums", sums);
    if (sums?.shape.length !== 3 || a.first < 0 || a.first + a.channels > sums.shape[2]) {
      throw shapeError("mean_of_sums", `sums [N, parts, >= ${a.first + a.channels}]`, sums?.shape ?? "none");
    }
    return [{ shape: [sums.shape[0], a.channels], dtype: a.dtype }];
  },
  layout: layout({ first: "int", positions: "int" }),
  reference: ([sums], a) => {
    const [N, parts, C] = sums!.shape;
    const data = Float64Array.from({ length: N * a.channels }, (_, i) => {
      const start = Math.floor(i / a.channels) * parts * C + a.first + (i % a.channels);
      let sum = 0;
      for (let p = 0; p < parts; p++) sum += sums!.data[start + p * C];
      return sum / a.positions;
    });
    return [{ shape: [N, a.channels], data }];
  },
  notInOnnx: "compile() makes it from a global_mean",
  notDifferentiable: "compile() makes it from a global_mean",
});
