// A case as a graph of this package.
import { conv3d, conv3dAttrs, maxPool3d, permute } from "../../dist/graph/ops/index.js";
import type { Tensor } from "../../dist/graph/tensor.js";
import { applyOp, type Graph, input, parameter, trace } from "../../dist/graph/trace.js";
import { S3D, S3DG, s3dFeatures, s3dHead } from "../../dist/models/s3d.js";
import { X3D, x3dFeatures, x3dHead } from "../../dist/models/x3d.js";
import { globalMean } from "../../dist/nn/layers.js";
import { hashParameter } from "../../dist/nn/random_weights.js";
import { inputShape, type Spec } from "./spec.js";

function network(x: Tensor, model: (Spec & { kind: "model" })["model"]): Tensor {
  if (model === "s3d") return s3dHead(s3dFeatures(x, S3D), 400).logits;
  if (model === "s3dg") return globalMean(s3dFeatures(x, S3DG));
  return x3dHead(x3dFeatures(x, X3D[model]), X3D[model]).logits;
}

function build(x: Tensor, spec: Spec): Tensor {
  switch (spec.kind) {
    case "model":
      return network(x, spec.model);
    case "convs":
      return spec.layers.reduce((y, { kernel, outChannels, groups }, i) => {
        const low = kernel.map((k) => (k - 1) / 2) as [number, number, number];
        const weight = parameter(`${i}.weight`, [outChannels, y.shape[4] / groups, ...kernel]);
        const attrs = conv3dAttrs({ outChannels, kernel, low, groups, activation: "relu" });
        return applyOp(conv3d, [y, weight, parameter(`${i}.bias`, [outChannels]), null, null], attrs)[0];
      }, x);
    case "max_pool":
      return applyOp(maxPool3d, [x], {
        kernel: spec.kernel,
        stride: spec.stride,
        low: spec.pad,
        high: spec.pad,
        ceil: false,
        padding: "-inf",
      })[0];
  }
}

/** @param channelsFirst take `[N, C, T, H, W]`, as other engines do */
export function graphOf(spec: Spec, channelsFirst: boolean): Graph {
  const [N, T, H, W, C] = inputShape(spec);
  return trace(() => {
    if (!channelsFirst) return { y: build(input("x", [N, T, H, W, C]), spec) };
    const x = input("x", [N, C, T, H, W]);
    return { y: build(applyOp(permute, [x], { order: [0, 2, 3, 4, 1] })[0], spec) };
  });
}

/** Weights that keep values in range, by key and shape. */
export const weightOf = (key: string, shape: readonly number[]): Float32Array => hashParameter("bench/", key, shape);
