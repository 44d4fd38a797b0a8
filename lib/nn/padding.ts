import type { Triple } from "../graph/ops/index.js";

/**
 * Zeros around the axes T, H, W of a window: `same` gives ceil(size / stride) positions and `valid` no padding, both as
 * TensorFlow computes them; a number pads every axis at both ends, a triple each axis at both ends, as in PyTorch.
 */
export type Padding = "same" | "valid" | number | Triple;

/** What is added before and behind each axis. */
export interface PaddingEnds {
  low: Triple;
  high: Triple;
}

/**
 * The two ends of a padding.
 * @param size of the input along T, H, W
 */
export function paddingEnds(padding: Padding, size: Triple, kernel: Triple, stride: Triple): PaddingEnds {
  if (padding === "same") {
    const total = size.map((n, i) => Math.max(0, (Math.ceil(n / stride[i]) - 1) * stride[i] + kernel[i] - n));
    const low = total.map((n) => Math.floor(n / 2)) as unknown as Triple;
    return { low, high: total.map((n, i) => n - low[i]) as unknown as Triple };
  }
  const both = padding === "valid" ? 0 : padding;
  const ends: Triple = typeof both === "number" ? [both, both, both] : both;
  return { low: ends, high: ends };
}
