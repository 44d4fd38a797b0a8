import { avgPool3d as avgPoolOp, maxPool3d as maxPoolOp } from "../ops/index.js";
import type { Tensor } from "../graph/tensor.js";
import { applyOp } from "../graph/trace.js";
import { options as checked, tensor } from "./check.js";
import { WINDOW, windowOf, type WindowOptions } from "./convolution.js";
import * as core from "./layers.js";

/** Options of a pool. The default of `stride` is the kernel, so that windows do not overlap. */
export interface PoolOptions extends WindowOptions {
  /** Round sizes up, by PyTorch's rule. Default false. */
  ceil?: boolean | undefined;
}

const NAMES = [...WINDOW, "ceil"] as const;
const VIDEO = { sizes: "[N, T, H, W, C]", dtype: "f32" } as const;

/** Maximum over windows of x `[N, T, H, W, C]`. Padding is never the maximum. */
export function maxPool3d(x: Tensor, options: PoolOptions): Tensor {
  const { ceil = false, ...o } = checked("maxPool3d", options, NAMES);
  const { shape } = tensor("maxPool3d", "x", x, VIDEO);
  const window = windowOf("maxPool3d", shape, o, "kernel");
  return applyOp(maxPoolOp, [x], { ...window, ceil, padding: "-inf" })[0];
}

export interface AvgPoolOptions extends PoolOptions {
  /** Whether the divisor of a mean counts padding. Default: true (PyTorch), but false for `same` (TensorFlow). */
  countIncludePad?: boolean | undefined;
}

/** Mean over windows of x `[N, T, H, W, C]`. */
export function avgPool3d(x: Tensor, options: AvgPoolOptions): Tensor {
  const { ceil = false, ...o } = checked("avgPool3d", options, [...NAMES, "countIncludePad"]);
  const { shape } = tensor("avgPool3d", "x", x, VIDEO);
  const window = windowOf("avgPool3d", shape, o, "kernel");
  const countIncludePad = o.countIncludePad ?? o.padding !== "same";
  return applyOp(avgPoolOp, [x], { ...window, ceil, countIncludePad })[0];
}

/** Mean over all positions: x `[N, ..., C]` to `[N, C]`. */
export const globalMean = (x: Tensor): Tensor =>
  core.globalMean(tensor("globalMean", "x", x, { sizes: "[..., C]", dtype: "f32" }));

/** Maximum over all positions: x `[N, ..., C]` to `[N, C]`. */
export function globalMax(x: Tensor): Tensor {
  const { shape } = tensor("globalMax", "x", x, { sizes: "[..., C]", dtype: "f32" });
  const [N, C] = [shape[0], shape[shape.length - 1]];
  const positions = shape.slice(1, -1).reduce((a, b) => a * b, 1);
  return core.reduceMax(core.reshape(x, [N, positions, C]));
}
