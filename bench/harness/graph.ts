// A case as a graph of this package.
import { differentiate } from "../../dist/autodiff/differentiate.js";
import { filled } from "../../dist/autodiff/arithmetic.js";
import { conv3d, conv3dAttrs, matmul, maxPool3d, permute, topK } from "../../dist/ops/index.js";
import type { Tensor } from "../../dist/graph/tensor.js";
import { applyOp, type Graph, input, parameter, trace } from "../../dist/graph/trace.js";
import { bert } from "../../dist/models/text/bert.js";
import { mobileBert } from "../../dist/models/text/mobilebert.js";
import { S3D, S3DG, s3dFeatures, s3dHead } from "../../dist/models/video/s3d.js";
import { textConfig } from "../../dist/models/text/text_config.js";
import { X3D, x3dFeatures, x3dHead } from "../../dist/models/video/x3d.js";
import { globalMean } from "../../dist/nn/layers.js";
import { infoNce } from "../../dist/nn/losses.js";
import { hashParameter } from "../../dist/nn/random_weights.js";
import { inputsOf } from "./inputs.js";
import type { Spec } from "./spec.js";

type Video = Extract<Spec, { kind: "model" | "convs" | "max_pool" }>;

function network(x: Tensor, model: (Spec & { kind: "model" })["model"]): Tensor {
  if (model === "s3d") return s3dHead(s3dFeatures(x, S3D), 400).logits;
  if (model === "s3dg") return globalMean(s3dFeatures(x, S3DG));
  return x3dHead(x3dFeatures(x, X3D[model]), X3D[model]).logits;
}

function build(x: Tensor, spec: Video): Tensor {
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

/** The symmetric InfoNCE and its gradients. */
function contrastive(a: Tensor, b: Tensor): Record<string, Tensor> {
  const loss = infoNce(a, b);
  const [da, db] = differentiate([{ value: loss, gradient: filled(loss.shape, 1) }], [a, b]);
  return { loss, da: da!, db: db! };
}

/** The matrix products of an InfoNCE that stores its scores: scores, and both gradients from an array of their size. */
export function productsOf(spec: Spec): Graph {
  const product = (a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean) =>
    applyOp(matmul, [a, b], { transposeA, transposeB })[0];
  return trace(() => {
    const { a: first, b: second } = inputsOf(spec, false);
    const [a, b] = [input("a", first.shape), input("b", second.shape)];
    const scores = product(a, b, false, true);
    return { da: product(scores, b, false, false), db: product(scores, a, true, false) };
  });
}

/** @param channelsFirst videos are `[N, C, T, H, W]`, as in other engines */
export function graphOf(spec: Spec, channelsFirst: boolean): Graph {
  return trace((): Record<string, Tensor> => {
    const given = Object.entries(inputsOf(spec, channelsFirst));
    const inputs = Object.fromEntries(given.map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]));
    if (spec.kind === "top_k") {
      return { y: applyOp(topK, [inputs.query, inputs.rows], { k: spec.k, base: 0 })[0] };
    }
    if (spec.kind === "contrastive") return contrastive(inputs.a, inputs.b);
    if (spec.kind === "text") {
      const { ids, types, mask, present } = inputs;
      const config = textConfig({ model_type: spec.model });
      const encoder = spec.model === "bert" ? bert : mobileBert;
      return { y: encoder({ ids, types, mask, present }, config) };
    }
    if (spec.kind === "train") throw new Error("trainStep builds the graph of a step");
    const { x } = inputs;
    return { y: build(channelsFirst ? applyOp(permute, [x], { order: [0, 2, 3, 4, 1] })[0] : x, spec) };
  });
}

/** Weights that keep values in range, by key and shape. */
export const weightOf = (key: string, shape: readonly number[]): Float32Array => hashParameter("bench/", key, shape);
