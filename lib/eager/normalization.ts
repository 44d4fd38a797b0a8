import {
  batchNorm as batchNormDefinition,
  l2Normalize as l2Definition,
  layerNorm as layerNormDefinition,
  softmax as softmaxDefinition,
} from "../ops/index.js";
import { type Operand, readOperand, readOptional } from "./operand.js";
import { type OutOptions, readOptions } from "./options.js";
import type { Result } from "./result.js";
import { only, runDefinition } from "./run.js";

export interface SoftmaxOptions extends OutOptions {
  /** Return the logarithm of the softmax. Default false. */
  log?: boolean | undefined;
}

/**
 * Softmax over the last axis, or its logarithm.
 * @param x floats `[..., C]`
 * @returns like x
 */
export async function softmax(x: Operand, options?: SoftmaxOptions): Promise<Result> {
  const { log = false, signal, out } = readOptions("softmax", options, ["log", "signal", "out"]);
  return only(runDefinition(softmaxDefinition, { x: readOperand("softmax", "x", x) }, { log }, { signal, out: [out] }));
}

export interface BatchNormOptions extends OutOptions {
  /** Added to the variance. PyTorch's default is 1e-5, that of S3D and of TensorFlow 1e-3. */
  eps: number;
  /** A ReLU follows. Default false. */
  relu?: boolean | undefined;
}

/** Parameters and statistics of a BatchNorm, f32 `[C]` each. */
export interface BatchNormParameters {
  weight: Operand;
  bias: Operand;
  mean: Operand;
  variance: Operand;
}

/**
 * BatchNorm in inference: (x - mean) / sqrt(variance + eps) weight + bias.
 * @param x floats `[..., C]`
 * @returns like x
 */
export async function batchNorm(
  x: Operand,
  parameters: BatchNormParameters,
  options: BatchNormOptions,
): Promise<Result> {
  const p = readOptions("batchNorm", parameters, ["weight", "bias", "mean", "variance"], "parameters");
  const { eps, relu = false, signal, out } = readOptions("batchNorm", options, ["eps", "relu", "signal", "out"]);
  const operands = {
    x: readOperand("batchNorm", "x", x),
    weight: readOperand("batchNorm", "weight", p.weight),
    bias: readOperand("batchNorm", "bias", p.bias),
    mean: readOperand("batchNorm", "mean", p.mean),
    variance: readOperand("batchNorm", "variance", p.variance),
  };
  return only(runDefinition(batchNormDefinition, operands, { eps, relu }, { signal, out: [out] }));
}

export interface LayerNormOptions extends OutOptions {
  /** Added to the variance. PyTorch's default is 1e-5, BERT's 1e-12. */
  eps: number;
  /** `[C]`, f32. Default: ones. */
  weight?: Operand | null | undefined;
  /** `[C]`, f32. Default: zeros. */
  bias?: Operand | null | undefined;
  /** A residual like x that is added to x first. */
  residual?: Operand | null | undefined;
}

/**
 * Layer normalisation over the last axis of x, or of x + residual; the variance is that of the population.
 * @param x floats `[..., C]`
 * @returns like x
 * @throws ShapeError when the others do not fit x
 */
export async function layerNorm(x: Operand, options: LayerNormOptions): Promise<Result> {
  const o = readOptions("layerNorm", options, ["eps", "weight", "bias", "residual", "signal", "out"]);
  const operands = {
    x: readOperand("layerNorm", "x", x),
    weight: readOptional("layerNorm", "weight", o.weight),
    bias: readOptional("layerNorm", "bias", o.bias),
    residual: readOptional("layerNorm", "residual", o.residual),
  };
  return only(runDefinition(layerNormDefinition, operands, { eps: o.eps }, { signal: o.signal, out: [o.out] }));
}

export interface L2NormalizeOptions extends OutOptions {
  /** Lower bound of the divisor. Default 1e-12 (PyTorch's `normalize`). */
  eps?: number | undefined;
}

/**
 * x / max(‖x‖, eps) over the last axis.
 * @param x floats `[..., C]`
 * @returns like x
 */
export async function l2Normalize(x: Operand, options?: L2NormalizeOptions): Promise<Result> {
  const { eps = 1e-12, signal, out } = readOptions("l2Normalize", options, ["eps", "signal", "out"]);
  return only(runDefinition(l2Definition, { x: readOperand("l2Normalize", "x", x) }, { eps }, { signal, out: [out] }));
}
