import {
  type ContrastiveLossAttrs,
  contrastiveLoss,
  crossEntropy as crossEntropyOp,
  dropout as dropoutOp,
  l2Normalize as l2NormalizeOp,
  softmax,
} from "../ops/index.js";
import { combined, filled, scaled, summed } from "../autodiff/arithmetic.js";
import { ShapeError } from "../base/errors.js";
import { elements, sameShape, type Tensor } from "../graph/tensor.js";
import { applyOp } from "../graph/trace.js";
import { tensor } from "./check.js";
import * as nn from "./layers.js";

export interface CrossEntropyOptions {
  /** Rows with this target are ignored. Default -100. */
  ignoreIndex?: number | undefined;
  /** Probability that is spread evenly over all classes. Default 0. */
  smoothing?: number | undefined;
  /** f32 `[C]`: weights of the classes. */
  weight?: Tensor | null | undefined;
}

/** Mean cross-entropy `[1]` of logits `[..., C]` with classes i32 `[...]`, as PyTorch's `cross_entropy`. */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { ignoreIndex = -100, smoothing = 0, weight = null } = options;
  tensor("crossEntropy", "logits", logits, { sizes: "[..., C]", dtype: "f32" });
  tensor("crossEntropy", "target", target, { dtype: "i32" });
  return applyOp(crossEntropyOp, [logits, target, weight], { ignoreIndex, smoothing })[0];
}

/**
 * Mean binary cross-entropy `[1]` of logits with targets in [0, 1] of the same shape, as PyTorch's
 * `binary_cross_entropy_with_logits`: t softplus(-x) + (1 - t) softplus(x).
 */
export function bceWithLogits(logits: Tensor, target: Tensor): Tensor {
  checkPair("bceWithLogits", logits, target);
  const one = filled([], 1);
  const positive = combined(target, nn.unary(scaled(logits, -1), "softplus"), "mul");
  const negative = combined(combined(one, target, "sub"), nn.unary(logits, "softplus"), "mul");
  const all = [...logits.shape.keys()];
  const sum = summed(combined(positive, negative, "add"), all);
  return nn.reshape(scaled(sum, 1 / elements(logits.shape)), [1]);
}

/** Checks that values and targets have one shape: [N] with [N, 1] would broadcast to every pair of rows. */
function checkPair(loss: string, x: Tensor, target: Tensor): void {
  tensor(loss, "x", x, { dtype: "f32" });
  tensor(loss, "target", target, { dtype: "f32" });
  if (sameShape(x.shape, target.shape)) return;
  const [expected, received] = [x.shape, target.shape].map((shape) => `[${shape.join(", ")}]`);
  throw new ShapeError(`${loss}: target: expected ${expected}, as the values have, received ${received}`, {
    argument: "target",
    expected: x.shape,
    received: target.shape,
  });
}

/**
 * Mean squared error `[1]` of two tensors of the same shape, as PyTorch's `mse_loss`.
 * @throws ShapeError when the shapes differ
 */
export function meanSquaredError(x: Tensor, target: Tensor): Tensor {
  checkPair("meanSquaredError", x, target);
  const difference = combined(x, target, "sub");
  const sum = summed(combined(difference, difference, "mul"), [...difference.shape.keys()]);
  return nn.reshape(scaled(sum, 1 / elements(difference.shape)), [1]);
}

/** x / max(||x||, eps) over the last axis. */
export const l2Normalize = (x: Tensor, eps = 1e-12): Tensor => applyOp(l2NormalizeOp, [x], { eps })[0];

/** Dropout of `rate` with the key i32 `[2]` (seed, step); `stream` is the number of the dropout in the network. */
export const dropout = (x: Tensor, rate: number, key: Tensor, stream: number): Tensor =>
  rate === 0 ? x : applyOp(dropoutOp, [x, key], { rate, stream })[0];

export interface InfoNceOptions extends Partial<ContrastiveLossAttrs> {
  /** i32 `[N]`: rows of a group are positives of each other. Default: only row i of a and row i of b are positives. */
  group?: Tensor | null | undefined;
  /** f32 `[1]`: logarithm of a learned scale. Dot products are also multiplied by its exponential (as in CLIP). */
  logScale?: Tensor | undefined;
}

/**
 * InfoNCE `[1]` over the dot products of a and b `[N, D]`; the defaults are VideoCLIP's: scale 1, the means of both
 * directions added. CLIP: l2-normalised a and b, `logScale`, `reduction: "mean"`. The N x N scores are never stored.
 */
export function infoNce(a: Tensor, b: Tensor, options: InfoNceOptions = {}): Tensor {
  const { scale = 1, reduction = "sum", directions = "both", group = null, logScale } = options;
  const scaledA = logScale ? combined(a, nn.unary(logScale, "exp"), "mul") : a;
  return applyOp(contrastiveLoss, [scaledA, b, group], { scale, reduction, directions })[0];
}

/** log sum exp over the last axis of x `[N, K]`: `[N, 1]`. */
function logSumExp(x: Tensor): Tensor {
  const rest = combined(x, applyOp(softmax, [x], { log: true })[0], "sub"); // the same value in every column
  return nn.slice(rest, [0, 0], [x.shape[0], 1]);
}

/**
 * MIL-NCE `[1]` (Miech et al. 2020, arXiv 1912.06430): video `[N, D]`, and `candidates` texts for each in text
 * `[N candidates, D]`. The positives of a video are all its texts; the negatives are its scores with all other texts
 * and its texts' scores with all other videos.
 */
export function milNce(video: Tensor, text: Tensor, candidates: number): Tensor {
  const [N, D] = video.shape;
  const texts = nn.reshape(text, [N, candidates, D]);
  const column = (x: Tensor) => nn.reshape(x, [N, 1]);
  const parts = Array.from({ length: candidates }, (_, c) => {
    const own = nn.reshape(nn.slice(texts, [0, c, 0], [N, 1, D]), [N, D]);
    const [, rows, columns, positives] = applyOp(contrastiveLoss, [video, own, null], { scale: 1, reduction: "sum" });
    return { all: [column(rows), column(columns)], positives: column(positives) };
  });
  const all = nn.concat(
    parts.flatMap((part) => part.all),
    1,
  );
  const positives = nn.concat(
    parts.map((part) => part.positives),
    1,
  );
  const terms = combined(logSumExp(all), logSumExp(positives), "sub");
  return nn.reshape(scaled(summed(terms, [0, 1]), 1 / N), [1]);
}
