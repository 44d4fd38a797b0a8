import {
  avgPool3d,
  type BinaryKind,
  batchNorm as batchNormOp,
  batchNormTrain,
  binary as binaryOp,
  concat as concatOp,
  conv3dAttrs,
  conv3d as conv3dOp,
  dropout as dropoutOp,
  embedding as embeddingOp,
  globalMean as globalMeanOp,
  layerNorm as layerNormOp,
  linear as linearOp,
  maxPool3d as maxPool3dOp,
  permute as permuteOp,
  type PreprocessAttrs,
  preprocess as preprocessOp,
  reduceMax as reduceMaxOp,
  reshape as reshapeOp,
  scaleChannels as scaleChannelsOp,
  slice as sliceOp,
  spaceToDepth as spaceToDepthOp,
  type Triple,
  type UnaryKind,
  unary as unaryOp,
} from "../ops/index.js";
import type { Tensor } from "../graph/tensor.js";
import { applyOp, fullKey, isFrozen, parameter, scalar, training, update } from "../graph/trace.js";

export interface ConvOptions {
  kernel: Triple;
  stride?: Triple | undefined;
  /** Zero padding at the low end of T, H, W; also at the high end unless `high` is given. */
  low?: Triple | undefined;
  high?: Triple | undefined;
  groups?: number | undefined;
  bias?: boolean | undefined;
}

/** 3-D convolution of x `[N, T, H, W, C]` with parameters `<key>.weight` (and `<key>.bias`). */
export function conv3d(x: Tensor, key: string, outChannels: number, options: ConvOptions): Tensor {
  const { kernel, groups = 1, bias = false, ...rest } = options;
  const weight = parameter(`${key}.weight`, [outChannels, x.shape[4] / groups, ...kernel]);
  const b = bias ? parameter(`${key}.bias`, [outChannels]) : null;
  return applyOp(conv3dOp, [x, weight, b, null, null], conv3dAttrs({ outChannels, kernel, groups, ...rest }))[0];
}

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5, PyTorch's. */
  eps?: number | undefined;
  /** Weight of the batch in new running statistics (PyTorch's). Default 0.1. */
  momentum?: number | undefined;
  /** A ReLU follows. */
  relu?: boolean | undefined;
}

/**
 * BatchNorm with `<key>.{weight, bias, running_mean, running_var}`. Inference uses the running statistics; training
 * uses those of the batch and updates the running ones. Frozen running statistics are used in training too.
 */
export function batchNorm(x: Tensor, key: string, options: BatchNormOptions = {}): Tensor {
  const { eps = 1e-5, momentum = 0.1, relu = false } = options;
  const C = [x.shape[x.shape.length - 1]];
  const parameters = ["weight", "bias", "running_mean", "running_var"].map((name) => parameter(`${key}.${name}`, C));
  const fixed = ["running_mean", "running_var"].every((name) => isFrozen(fullKey(`${key}.${name}`)));
  if (!training() || fixed) return applyOp(batchNormOp, [x, ...parameters], { eps, relu })[0];
  const [y, , , mean, variance] = applyOp(batchNormTrain, [x, ...parameters], { eps, momentum, relu });
  update(parameters[2], mean);
  update(parameters[3], variance);
  return y;
}

/** y = x Wᵀ + b with `<key>.weight` `[out, in]` and `<key>.bias`. */
export function linear(
  x: Tensor,
  key: string,
  outFeatures: number,
  options: { bias?: boolean | undefined } = {},
): Tensor {
  const weight = parameter(`${key}.weight`, [outFeatures, x.shape[x.shape.length - 1]]);
  const bias = options.bias === false ? null : parameter(`${key}.bias`, [outFeatures]);
  return applyOp(linearOp, [x, weight, bias], { outFeatures, activation: "none" })[0];
}

/** y = x Wᵀ + b for a weight `[out, in]` and a bias `[out]` that are tensors. */
export function linearWith(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  return applyOp(linearOp, [x, weight, bias], { outFeatures: weight.shape[0], activation: "none" })[0];
}

/** Layer normalisation of x, or of x + residual, with `<key>.weight` and `<key>.bias` `[C]`. */
export function layerNorm(x: Tensor, key: string, eps: number, residual?: Tensor): Tensor {
  const [weight, bias] = ["weight", "bias"].map((name) => parameter(`${key}.${name}`, x.shape.slice(-1)));
  return applyOp(layerNormOp, [x, weight, bias, residual ?? null], { eps })[0];
}

/**
 * Dropout in training, x in inference. The dropped elements follow from the scalar `random_key` i32 `[2]` (seed, step).
 * @param rate default: the trace's
 */
export function dropout(x: Tensor, rate?: number): Tensor {
  const now = training();
  const probability = rate ?? now?.dropout ?? 0;
  if (!now || probability === 0) return x;
  return applyOp(dropoutOp, [x, scalar("random_key", 2, "i32")], { rate: probability, stream: now.nextStream++ })[0];
}

/** Max-pool with PyTorch's padding (-inf, floor). */
export function maxPool3d(x: Tensor, kernel: Triple, stride: Triple, pad: Triple = [0, 0, 0]): Tensor {
  return applyOp(maxPool3dOp, [x], { kernel, stride, low: pad, high: pad, ceil: false, padding: "-inf" })[0];
}

/**
 * Miech's max-pool with TensorFlow-style padding: zeros, `(k - s) / 2` rounded down at the low end and the rest at the
 * high end, then ceil mode.
 */
export function maxPool3dTensorFlow(x: Tensor, kernel: Triple, stride: Triple): Tensor {
  const total = kernel.map((k, i) => Math.max(k - stride[i], 0));
  const low = total.map((n) => Math.floor(n / 2)) as unknown as Triple;
  const high = total.map((n, i) => n - low[i]) as unknown as Triple;
  return applyOp(maxPool3dOp, [x], { kernel, stride, low, high, ceil: true, padding: "zero" })[0];
}

/** Average pool without padding, stride 1. */
export function avgPool(x: Tensor, kernel: Triple): Tensor {
  const zero: Triple = [0, 0, 0];
  return applyOp(avgPool3d, [x], {
    kernel,
    stride: [1, 1, 1],
    low: zero,
    high: zero,
    ceil: false,
    countIncludePad: true,
  })[0];
}

/** Self-gate of S3D-G: x sigmoid(W mean(x) + b), mean over T, H and W; parameters `<key>.{weight, bias}`. */
export function selfGate(x: Tensor, key: string): Tensor {
  const gate = unary(linear(globalMean(x), key, x.shape[x.shape.length - 1]), "sigmoid");
  return scaleChannels(x, gate);
}

/** Multiplies x `[N, ..., C]` by a channel scale `[N, C]`. */
export const scaleChannels = (x: Tensor, factor: Tensor): Tensor => applyOp(scaleChannelsOp, [x, factor], {})[0];

export const globalMean = (x: Tensor): Tensor => applyOp(globalMeanOp, [x], {})[0];
export const unary = (x: Tensor, kind: UnaryKind): Tensor => applyOp(unaryOp, [x], { kind })[0];
export const relu = (x: Tensor): Tensor => unary(x, "relu");
export const binary = (a: Tensor, b: Tensor, kind: BinaryKind): Tensor => applyOp(binaryOp, [a, b], { kind })[0];
export const concat = (list: Tensor[], axis: number): Tensor => applyOp(concatOp, list, { axis })[0];
export const reshape = (x: Tensor, shape: readonly number[]): Tensor => applyOp(reshapeOp, [x], { shape })[0];
export const permute = (x: Tensor, order: readonly number[]): Tensor => applyOp(permuteOp, [x], { order })[0];
export const spaceToDepth = (x: Tensor): Tensor => applyOp(spaceToDepthOp, [x], {})[0];
export const reduceMax = (x: Tensor): Tensor => applyOp(reduceMaxOp, [x], {})[0];
export const preprocess = (x: Tensor, attrs: PreprocessAttrs): Tensor => applyOp(preprocessOp, [x], attrs)[0];

/** Block of `size` at `start`. */
export const slice = (x: Tensor, start: readonly number[], size: readonly number[]): Tensor =>
  applyOp(sliceOp, [x], { start, size })[0];

/** Rows of `<key>.weight` `[rows, width]` by id. The row of the id `padding` gets no gradient. */
export const embedding = (ids: Tensor, key: string, rows: number, width: number, padding?: number): Tensor =>
  applyOp(embeddingOp, [ids, parameter(`${key}.weight`, [rows, width])], padding === undefined ? {} : { padding })[0];
