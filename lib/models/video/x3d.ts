import { softmax } from "../../ops/index.js";
import type { Tensor } from "../../graph/tensor.js";
import { applyOp, parameter, probe, scope } from "../../graph/trace.js";
import * as nn from "../../nn/layers.js";

/**
 * The X3D family (Feichtenhofer, CVPR 2020): a 2-D network that grew along frames, size, width, bottleneck and depth.
 * Layer facts: facebookresearch/SlowFast `video_model_builder.X3D` and facebookresearch/pytorchvideo `models.x3d`. Parameters have
 * PyTorchVideo's keys.
 */
export interface X3DOptions {
  /** Frames of the head's average. */
  frames: number;
  /** Side of the crops that the network was trained on: the head's average spans `ceil(trainCrop / 32)` positions. */
  trainCrop: number;
  /** Multiplies the blocks 1, 2, 5, 3 of the four stages, rounded up: 2.2 (XS, S, M) or 5 (L). */
  depthFactor: number;
  /** Multiplies the widths 12, 24, 48, 96 of the four stages, rounded to multiples of 8. Default 2. */
  widthFactor?: number | undefined;
  /** Channels inside a block, as a multiple of those outside. Default 2.25. */
  bottleneck?: number | undefined;
  classes?: number | undefined;
}

export type X3DName = "x3d-xs" | "x3d-s" | "x3d-m" | "x3d-l";

const member = (frames: number, trainCrop: number, depthFactor: number): Required<X3DOptions> => ({
  frames,
  trainCrop,
  depthFactor,
  widthFactor: 2,
  bottleneck: 2.25,
  classes: 400,
});

/** The members with public Kinetics-400 weights. */
export const X3D: Readonly<Record<X3DName, Required<X3DOptions>>> = {
  "x3d-xs": member(4, 160, 2.2),
  "x3d-s": member(13, 160, 2.2),
  "x3d-m": member(16, 224, 2.2),
  "x3d-l": member(16, 312, 5),
};

const BATCH_NORM_EPS = 1e-5;
const STEM_WIDTH = 12;
const FEATURE_WIDTH = 2048;
const BLOCKS = [1, 2, 5, 3];
const SQUEEZE_RATIO = 0.0625;

/** `width * factor` to the nearest multiple of 8, at least 8, and never below 90 % of it. */
export function roundWidth(width: number, factor: number): number {
  const exact = width * factor;
  const rounded = Math.max(8, 8 * Math.floor((exact + 4) / 8));
  return rounded < 0.9 * exact ? rounded + 8 : rounded;
}

const norm = (x: Tensor, key: string, relu = false) => nn.batchNorm(x, key, { eps: BATCH_NORM_EPS, relu });
const point = (x: Tensor, key: string, width: number) => nn.conv3d(x, key, width, { kernel: [1, 1, 1] });

/** A matrix product with the parameters of a 1x1x1 convolution with bias, `<key>.weight` `[width, C, 1, 1, 1]`. */
function pointLinear(x: Tensor, key: string, width: number): Tensor {
  const C = x.shape[x.shape.length - 1];
  const weight = nn.reshape(parameter(`${key}.weight`, [width, C, 1, 1, 1]), [width, C]);
  return nn.linearWith(x, weight, parameter(`${key}.bias`, [width]));
}

/** Squeeze-and-excitation: x sigmoid(W2 relu(W1 mean(x) + b1) + b2), mean over T, H and W. */
function squeezeExcitation(x: Tensor, [reduce, expand]: [string, string]): Tensor {
  const C = x.shape[4];
  const hidden = nn.relu(pointLinear(nn.globalMean(x), reduce, roundWidth(C, SQUEEZE_RATIO)));
  return nn.scaleChannels(x, nn.unary(pointLinear(hidden, expand, C), "sigmoid"));
}

interface BlockOptions {
  /** Key prefix of its parameters, such as `blocks.1.res_blocks.0`. */
  key: string;
  /** Index in its stage, from 0. */
  index: number;
  /** Channels of the block's output, and inside it. */
  width: number;
  inner: number;
}

/**
 * A residual block of X3D: 1x1x1, depthwise 3x3x3 (halves H and W in the first block of a stage),
 * squeeze-and-excitation in every other block from the first, swish, 1x1x1; plus the shortcut, then ReLU.
 */
export function x3dBlock(x: Tensor, { key, index, width, inner }: BlockOptions): Tensor {
  const stride = index === 0 ? ([1, 2, 2] as const) : ([1, 1, 1] as const);
  const main = `${key}.branch2`;
  const a = scope("a", () => norm(point(x, `${main}.conv_a`, inner), `${main}.norm_a`, true));
  const depthwise = scope("b", () => {
    const options = { kernel: [3, 3, 3], stride, low: [1, 1, 1], groups: inner } as const;
    // a sequence of BatchNorm (0) and squeeze-and-excitation (1)
    return norm(nn.conv3d(a, `${main}.conv_b`, inner, options), `${main}.norm_b.0`);
  });
  const squeeze = `${main}.norm_b.1.block`;
  const gated =
    index % 2 === 0 ? scope("se", () => squeezeExcitation(depthwise, [`${squeeze}.0`, `${squeeze}.2`])) : depthwise;
  const active = scope("swish", () => nn.unary(gated, "swish"));
  const c = scope("c", () => norm(point(active, `${main}.conv_c`, width), `${main}.norm_c`));
  let shortcut = x;
  if (index === 0) {
    shortcut = scope("shortcut", () => {
      const y = nn.conv3d(x, `${key}.branch1_conv`, width, { kernel: [1, 1, 1], stride });
      // a shortcut that only halves the size (the first of stage 2) has no BatchNorm
      return x.shape[4] === width ? y : norm(y, `${key}.branch1_norm`);
    });
  }
  return nn.relu(nn.binary(c, shortcut, "add"));
}

const innerWidth = (o: Required<X3DOptions>, width: number) => Math.floor(o.bottleneck * width);

/**
 * Video `[N, T, H, W, 3]`, normalised with mean 0.45 and std 0.225, to the map of the last stage
 * `[N, T, H/32, W/32, C]` (rounded up; C is 192 at width factor 2). The number of frames does not change.
 */
export function x3dFeatures(video: Tensor, options: X3DOptions): Tensor {
  const o: Required<X3DOptions> = { ...X3D["x3d-s"], ...options };
  let x = scope("stem", () => {
    const width = roundWidth(STEM_WIDTH, o.widthFactor);
    // the published names are exchanged: `conv_t` is spatial, `conv_xy` temporal
    const spatial = { kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1] } as const;
    const flat = nn.conv3d(video, "blocks.0.conv.conv_t", width, spatial);
    const temporal = { kernel: [5, 1, 1], low: [2, 0, 0], groups: width } as const;
    const y = nn.conv3d(flat, "blocks.0.conv.conv_xy", width, temporal);
    return probe("blocks.0", norm(y, "blocks.0.norm", true));
  });
  let base = STEM_WIDTH;
  BLOCKS.forEach((blocks, i) => {
    if (i > 0) base = roundWidth(base, 2);
    const width = roundWidth(base, o.widthFactor);
    const block = `blocks.${i + 1}`;
    const sizes = { width, inner: innerWidth(o, width) };
    for (let index = 0; index < Math.ceil(o.depthFactor * blocks); index++) {
      x = scope(`s${i + 2}.${index}`, () => x3dBlock(x, { ...sizes, key: `${block}.res_blocks.${index}`, index }));
    }
    probe(block, x);
  });
  return x;
}

/**
 * The head on the map of `x3dFeatures`: 1x1x1 convolution, average over a window of `frames` and the train crop (stride
 * 1), then a 2048-wide layer with ReLU and the classifier at every remaining position: one for the train crop, 2x2 for
 * a test crop of 182. A map smaller than the window is averaged as a whole.
 *
 * - `features` `[N, 2048]`: the mean over positions after the ReLU. `conv_5` `[N, 432]`: the mean of the average's
 *   input.
 * - `logits` `[N, classes]`: their mean over positions.
 * - `probabilities` `[N, classes]`: PyTorchVideo's is the softmax of the mean logits, SlowFast's (and PyTorchVideo's
 *   networks run by SlowFast) the mean of the softmax at each position; `average` selects one.
 */
export function x3dHead(map: Tensor, options: X3DOptions, average: "logits" | "probabilities" = "logits") {
  const o: Required<X3DOptions> = { ...X3D["x3d-s"], ...options };
  return scope("head", () => {
    const pool = "blocks.5.pool";
    const y = norm(point(map, `${pool}.pre_conv`, innerWidth(o, map.shape[4])), `${pool}.pre_norm`, true);
    const side = Math.ceil(o.trainCrop / 32);
    const [, T, H, W] = map.shape;
    const pooled = nn.avgPool(y, [Math.min(o.frames, T), Math.min(side, H), Math.min(side, W)]);
    const positions = nn.relu(point(pooled, `${pool}.post_conv`, FEATURE_WIDTH));
    const scores = nn.linear(positions, "blocks.5.proj", o.classes);
    const logits = nn.globalMean(scores);
    const normalise = (x: Tensor) => applyOp(softmax, [x], { log: false })[0];
    const probabilities = average === "logits" ? normalise(logits) : nn.globalMean(normalise(scores));
    return { features: nn.globalMean(positions), conv_5: nn.globalMean(pooled), logits, probabilities };
  });
}
