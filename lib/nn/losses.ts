import {
  crossEntropy as crossEntropyOp,
  dropout as dropoutOp,
  l2Normalize as l2NormalizeOp,
} from "../graph/ops/index.js";
import { combined, filled, scaled, summed } from "../graph/gradients.js";
import { elements, type Tensor } from "../graph/tensor.js";
import { applyOp } from "../graph/trace.js";
import * as nn from "./layers.js";

export interface CrossEntropyOptions {
  /** Rows with this target do not count. Default -100. */
  ignoreIndex?: number;
  /** Probability that the target spreads over all classes. Default 0. */
  smoothing?: number;
  /** f32 `[C]`: weights of the classes. */
  weight?: Tensor | null;
}

/** Mean cross-entropy `[1]` of logits `[..., C]` with classes i32 `[...]`, as PyTorch's `cross_entropy`. */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { ignoreIndex = -100, smoothing = 0, weight = null } = options;
  return applyOp(crossEntropyOp, [logits, target, weight], { ignoreIndex, smoothing })[0];
}

/**
 * Mean binary cross-entropy `[1]` of logits with targets in [0, 1] of the same shape, as PyTorch's
 * `binary_cross_entropy_with_logits`: t softplus(-x) + (1 - t) softplus(x).
 */
export function bceWithLogits(logits: Tensor, target: Tensor): Tensor {
  const one = filled([], 1);
  const positive = combined(target, nn.unary(scaled(logits, -1), "softplus"), "mul");
  const negative = combined(combined(one, target, "sub"), nn.unary(logits, "softplus"), "mul");
  const all = [...logits.shape.keys()];
  const sum = summed(combined(positive, negative, "add"), all);
  return nn.reshape(scaled(sum, 1 / elements(logits.shape)), [1]);
}

/** x / max(||x||, eps) over the last axis. */
export const l2Normalize = (x: Tensor, eps = 1e-12): Tensor => applyOp(l2NormalizeOp, [x], { eps })[0];

/** Dropout of `rate` with the key i32 `[2]` (seed, step); `stream` tells the network's dropouts apart. */
export const dropout = (x: Tensor, rate: number, key: Tensor, stream: number): Tensor =>
  rate === 0 ? x : applyOp(dropoutOp, [x, key], { rate, stream })[0];
