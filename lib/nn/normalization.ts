import { InvalidArgumentError } from "../base/errors.js";
import { l2Normalize as l2NormalizeOp } from "../ops/index.js";
import type { Tensor } from "../graph/tensor.js";
import { applyOp, isUpdated } from "../graph/trace.js";
import { layer, options as checked, tensor, wrong } from "./check.js";
import * as core from "./layers.js";

export interface BatchNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number | undefined;
  /**
   * Weight of the batch in the new running statistics (PyTorch's; TensorFlow's momentum is 1 minus it). Default 0.1.
   */
  momentum?: number | undefined;
  /** A ReLU follows and is computed together with the normalisation. Default false. */
  relu?: boolean | undefined;
}

/**
 * BatchNorm over the last axis of x `[..., C]`, with parameters `<key>.{weight, bias, running_mean, running_var}`
 * `[C]`. Training uses the mean and variance of the batch and updates the running ones; inference and frozen layers use
 * the running ones.
 * @throws InvalidArgumentError when a training step would update the running statistics of a key twice
 */
export function batchNorm(x: Tensor, key: string, options?: BatchNormOptions): Tensor {
  return layer("batchNorm", key, (name) => {
    const { eps = 1e-5, momentum = 0.1, relu = false } = checked(name, options, ["eps", "momentum", "relu"]);
    positive(name, "eps", eps);
    if (!(momentum >= 0 && momentum <= 1)) throw wrong(name, "momentum", "0 to 1", momentum);
    tensor(name, "x", x, { sizes: "[..., C]", dtype: "f32" });
    if (isUpdated(`${key}.running_mean`)) {
      throw new InvalidArgumentError(
        `${name}: expected one use in a training step, received a second, which would update the running statistics twice: ` +
          "join the inputs along their first axis, or give the second layer another key",
        { layer: name, argument: "key", received: key },
      );
    }
    return core.batchNorm(x, key, { eps, momentum, relu });
  });
}

export interface LayerNormOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number | undefined;
  /** A residual of x's shape that is added to x first. */
  residual?: Tensor | undefined;
}

/** Layer normalisation over the last axis of x `[..., C]`, with parameters `<key>.weight` and `<key>.bias` `[C]`. */
export function layerNorm(x: Tensor, key: string, options?: LayerNormOptions): Tensor {
  return layer("layerNorm", key, (name) => {
    const { eps = 1e-5, residual } = checked(name, options, ["eps", "residual"]);
    positive(name, "eps", eps);
    if (residual !== undefined) tensor(name, "residual", residual, { dtype: "f32" });
    return core.layerNorm(tensor(name, "x", x, { sizes: "[..., C]", dtype: "f32" }), key, eps, residual);
  });
}

/** x / max(||x||, eps) over the last axis. @param eps default 1e-12 */
export const l2Normalize = (x: Tensor, eps = 1e-12): Tensor =>
  applyOp(l2NormalizeOp, [tensor("l2Normalize", "x", x, { sizes: "[..., C]", dtype: "f32" })], {
    eps: positive("l2Normalize", "eps", eps),
  })[0];

function positive(name: string, argument: string, value: unknown): number {
  if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
  throw wrong(name, argument, "a positive number", value);
}
