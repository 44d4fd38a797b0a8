import type { Tensor } from "../../graph/tensor.js";
import { probe, scope } from "../../graph/trace.js";
import * as nn from "../../nn/layers.js";

/** Channels of each block, and whether it halves height and width, and frames. */
const BLOCKS = [
  { width: 32, space: 2, time: 2 },
  { width: 64, space: 1, time: 1 },
  { width: 96, space: 2, time: 1 },
  { width: 128, space: 1, time: 2 },
  { width: 256, space: 2, time: 1 },
] as const;

/** Width of a feature. */
export const S3D_TINY_WIDTH = 256;

// a high momentum, because the network is trained on small batches for few steps
const norm = { eps: 1e-3, momentum: 0.1, relu: true };

/**
 * S3D's separable unit (Xie et al., ECCV 2018), 1x3x3 then 3x1x1, each followed by BatchNorm and ReLU, five times after
 * a stem, without Inception branches: for small frames.
 * @param video f32 `[N, T, H, W, 3]`
 * @returns f32 `[N, 256]`: the maximum over the positions of a frame, then the mean over frames
 */
export function s3dTiny(video: Tensor): Tensor {
  let x = scope("stem", () => {
    const y = nn.conv3d(video, "stem.conv", 16, { kernel: [1, 5, 5], stride: [1, 2, 2], low: [0, 2, 2] });
    return probe("stem", nn.batchNorm(y, "stem.norm", norm));
  });
  for (const [i, { width, space, time }] of BLOCKS.entries()) {
    const key = `block${i + 1}`;
    x = scope(key, () => {
      const flat = nn.conv3d(x, `${key}.spatial.conv`, width, {
        kernel: [1, 3, 3],
        stride: [1, space, space],
        low: [0, 1, 1],
      });
      const y = nn.batchNorm(flat, `${key}.spatial.norm`, norm);
      const long = nn.conv3d(y, `${key}.temporal.conv`, width, {
        kernel: [3, 1, 1],
        stride: [time, 1, 1],
        low: [1, 0, 0],
      });
      return probe(key, nn.batchNorm(long, `${key}.temporal.norm`, norm));
    });
  }
  const [, , H, W] = x.shape;
  return scope("head", () => nn.globalMean(nn.maxPool3d(x, [1, H, W], [1, H, W])));
}
