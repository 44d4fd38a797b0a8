import { InvalidArgumentError } from "../../base/errors.js";
import type { Triple } from "../../ops/index.js";
import type { Tensor } from "../../graph/tensor.js";
import { probe, scope } from "../../graph/trace.js";
import * as nn from "../../nn/layers.js";
import { INCEPTION, miechKeys, type S3DKeys, torchvisionKeys } from "./s3d_keys.js";

/** Blocks in order of depth, for the top-heavy and bottom-heavy families. */
const DEPTH = ["1a", "2c", "3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c"];

/**
 * The S3D family (Xie et al., ECCV 2018): one network whose 3x3x3 convolutions are separable, full (I3D) or 2-D by depth.
 * Layer facts: torchvision `models.video.s3d` and antoine77340/S3D_HowTo100M.
 */
export interface S3DOptions {
  /**
   * `separable`: 1x3x3 then 3x1x1 everywhere (S3D). `full`: 3x3x3 (I3D). `top-heavy`: 2-D below block `split`, separable
   * from it on. `bottom-heavy`: separable below block `split`, 2-D from it on.
   */
  convolutions?: "separable" | "full" | "top-heavy" | "bottom-heavy" | undefined;
  /** First block of the upper part: one of 2c, 3b, 3c, 4b ... 5c. Default 4b. */
  split?: string | undefined;
  /** `branch`: after 2c and every branch (Miech's S3D-G). `temporal`: after every temporal convolution (the paper). */
  gating?: "none" | "branch" | "temporal" | undefined;
  /** `separable`: 1x7x7 then 7x1x1. `space-to-depth`: space-to-depth and 2x4x4 (Miech). `3x7x7`: one convolution (Miech, retrained). */
  stem?: "separable" | "space-to-depth" | "3x7x7" | undefined;
  /** `torch`: -inf padding, floor. `tensorflow`: zero padding and ceil mode (Miech). */
  pools?: "torch" | "tensorflow" | undefined;
  batchNormEps?: number | undefined;
  /** Weight of the batch in the running statistics in training. */
  batchNormMomentum?: number | undefined;
  /** Multiplies the channels of every layer, rounded to multiples of 8. Default 1. */
  width?: number | undefined;
}

/** A member of the family with the keys of its published weights. */
export interface S3DNetwork extends Required<S3DOptions> {
  keys: S3DKeys;
}

/** torchvision's S3D; kylemin's keys are renamed to these. */
export const S3D: S3DNetwork = {
  convolutions: "separable",
  split: "4b",
  gating: "none",
  stem: "separable",
  pools: "torch",
  batchNormEps: 1e-3,
  batchNormMomentum: 1e-3,
  width: 1,
  keys: torchvisionKeys,
};

/** Miech's S3D-G of HowTo100M (MIL-NCE). */
export const S3DG: S3DNetwork = {
  ...S3D,
  gating: "branch",
  stem: "space-to-depth",
  pools: "tensorflow",
  batchNormEps: 1e-5,
  batchNormMomentum: 0.1,
  keys: miechKeys,
};

type Kind = "separable" | "full" | "flat";

function kindOf(o: S3DNetwork, block: string): Kind {
  if (o.convolutions === "separable" || o.convolutions === "full") return o.convolutions;
  const upper = DEPTH.indexOf(block) >= DEPTH.indexOf(o.split);
  return upper === (o.convolutions === "top-heavy") ? "separable" : "flat";
}

function unit(x: Tensor, o: S3DNetwork, keys: { conv: string; norm: string }, width: number, conv: nn.ConvOptions) {
  const channels = o.width === 1 ? width : 8 * Math.max(1, Math.round((o.width * width) / 8));
  const norm = { eps: o.batchNormEps, momentum: o.batchNormMomentum, relu: true };
  return nn.batchNorm(nn.conv3d(x, keys.conv, channels, conv), keys.norm, norm);
}

/** The k x k x k convolution of a block in the form of the family member. */
function volume(x: Tensor, o: S3DNetwork, block: string, branch: string, width: number, k: number, s: number): Tensor {
  const p = (k - 1) / 2;
  const kind = kindOf(o, block);
  const key = (part: "single" | "spatial" | "temporal") => o.keys.unit(block, branch, part);
  if (kind === "full")
    return unit(x, o, key("single"), width, { kernel: [k, k, k], stride: [s, s, s], low: [p, p, p] });
  const flat: nn.ConvOptions = { kernel: [1, k, k], stride: [1, s, s], low: [0, p, p] };
  if (kind === "flat") {
    // a 2-D stem halves the frames too, so that every family member has the same sizes
    return unit(x, o, key("single"), width, { ...flat, stride: [s, s, s] });
  }
  const spatial = unit(x, o, key("spatial"), width, flat);
  const y = unit(spatial, o, key("temporal"), width, { kernel: [k, 1, 1], stride: [s, 1, 1], low: [p, 0, 0] });
  return o.gating === "temporal" ? nn.selfGate(y, o.keys.gate(block, branch)) : y;
}

function gated(x: Tensor, o: S3DNetwork, block: string, branch: string): Tensor {
  return o.gating === "branch" ? nn.selfGate(x, o.keys.gate(block, branch)) : x;
}

/** An Inception block; `widths` as in `INCEPTION`. Branches are joined in the order b0, b1, b2, b3. */
export function inception(x: Tensor, o: S3DNetwork, block: string, widths = INCEPTION[block]): Tensor {
  const [w0, [w1a, w1b], [w2a, w2b], w3] = widths;
  const point = (input: Tensor, branch: string, width: number) =>
    scope(branch, () => unit(input, o, o.keys.unit(block, branch, "single"), width, { kernel: [1, 1, 1] }));
  const three = (input: Tensor, branch: string, width: number) =>
    scope(branch, () => gated(volume(input, o, block, branch, width, 3, 1), o, block, branch));
  const b0 = gated(point(x, "b0", w0), o, block, "b0");
  const b1 = three(point(x, "b1a", w1a), "b1b", w1b);
  const b2 = three(point(x, "b2a", w2a), "b2b", w2b);
  const pooled = scope("b3", () => nn.maxPool3d(x, [3, 3, 3], [1, 1, 1], [1, 1, 1]));
  const b3 = gated(point(pooled, "b3", w3), o, block, "b3");
  return scope("concat", () => nn.concat([b0, b1, b2, b3], 4));
}

function stem(x: Tensor, o: S3DNetwork, blocks: boolean): Tensor {
  if (o.stem === "separable") return probe(o.keys.stage("1a"), volume(x, o, "1a", "", 64, 7, 2));
  const keys = o.keys.unit("1a", "", "single");
  if (o.stem === "3x7x7") {
    return probe(o.keys.stage("1a"), unit(x, o, keys, 64, { kernel: [3, 7, 7], stride: [2, 2, 2], low: [1, 3, 3] }));
  }
  const y = unit(blocks ? x : nn.spaceToDepth(x), o, keys, 64, { kernel: [2, 4, 4], low: [1, 2, 2] });
  probe(o.keys.stage("1a"), y);
  const [N, T, H, W, C] = y.shape;
  return nn.slice(y, [0, 1, 1, 1, 0], [N, T - 1, H - 1, W - 1, C]);
}

/**
 * Video `[N, T, H, W, 3]` (or its 2x2x2 blocks `[N, T/2, H/2, W/2, 24]` with `blocks`) to the map after mixed_5c,
 * `[N, T/8, H/32, W/32, 1024]` (rounding follows the pools).
 */
export function s3dFeatures(video: Tensor, options: Partial<S3DNetwork>, blocks = false): Tensor {
  const o = { ...S3D, ...options };
  if (!DEPTH.slice(1).includes(o.split)) {
    throw new InvalidArgumentError(`split: expected one of ${DEPTH.slice(1).join(", ")}, received ${o.split}`);
  }
  const pool = (x: Tensor, block: string, kernel: Triple, stride: Triple) =>
    scope(block, () => {
      const pad = kernel.map((k, i) => (k > stride[i] ? (k - 1) / 2 : 0)) as unknown as Triple;
      const y = o.pools === "torch" ? nn.maxPool3d(x, kernel, stride, pad) : nn.maxPool3dTensorFlow(x, kernel, stride);
      return probe(o.keys.stage(block), y);
    });
  const mixed = (x: Tensor, ...blocks: string[]) =>
    blocks.reduce((y, block) => scope(`mixed_${block}`, () => probe(o.keys.stage(block), inception(y, o, block))), x);

  let x = scope("1a", () => stem(video, o, blocks));
  x = pool(x, "2a", [1, 3, 3], [1, 2, 2]);
  x = scope("2b", () =>
    probe(o.keys.stage("2b"), unit(x, o, o.keys.unit("2b", "", "single"), 64, { kernel: [1, 1, 1] })),
  );
  x = scope("2c", () => {
    const y = probe(o.keys.stage("2c"), volume(x, o, "2c", "", 192, 3, 1));
    return o.gating === "branch" ? probe("gating", gated(y, o, "2c", "")) : y;
  });
  x = pool(x, "3a", [1, 3, 3], [1, 2, 2]);
  x = mixed(x, "3b", "3c");
  x = pool(x, "4a", [3, 3, 3], [2, 2, 2]);
  x = mixed(x, "4b", "4c", "4d", "4e", "4f");
  x = pool(x, "5a", [2, 2, 2], [2, 2, 2]);
  return mixed(x, "5b", "5c");
}

/** Kinetics head: sliding average, 1x1x1 classifier with bias, mean of the logits over positions. */
export function s3dHead(map: Tensor, classes: number, options: { pool?: Triple | undefined } = {}) {
  return scope("head", () => {
    const pooled = nn.avgPool(map, options.pool ?? [2, 7, 7]);
    const logits = nn.conv3d(pooled, "classifier.1", classes, { kernel: [1, 1, 1], bias: true });
    return { logits: nn.globalMean(logits), feature: nn.globalMean(pooled) };
  });
}

/** Rows of the text tower's embedding: row 0 is padding, row i is word i of the published list. */
export const S3DG_VOCABULARY = 66250;

/** S3D-G's text tower: ids i32 `[rows, words]` (0 is padding, which takes part in the maximum) to `[rows, 512]`. */
export function s3dgText(ids: Tensor): Tensor {
  return scope("text_module", () => {
    const words = nn.embedding(ids, "text_module.word_embd", S3DG_VOCABULARY, 300);
    const hidden = nn.relu(nn.linear(words, "text_module.fc1", 2048));
    return nn.linear(nn.reduceMax(hidden), "text_module.fc2", 512);
  });
}

/** `mixed_5c` `[N, 1024]`: the mean over T, H and W; `video_embedding` `[N, 512]`: the joint space with text. */
export function s3dgHead(map: Tensor) {
  return scope("head", () => {
    const mean = nn.globalMean(map);
    return { mixed_5c: mean, video_embedding: nn.linear(mean, "fc", 512) };
  });
}
