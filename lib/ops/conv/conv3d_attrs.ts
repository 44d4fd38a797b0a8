import { type Attributes, flag, integer, integers, oneOf, optional, triple } from "../../graph/rules.js";
import { activations, type UnaryKind } from "../elementwise/unary_kinds.js";

export type Triple = readonly [number, number, number];

/**
 * 3-D convolution on channels-last input: inputs x `[N, T, H, W, Cin]`, weight `[Cout, Cin / groups, kT, kH, kW]` (PyTorch's
 * shape), then optionally bias `[Cout]`, residual (like the output, added before the activation) and scale `[N, Cin]`
 * (multiplies x; pointwise convolutions only). Padding is zero and may differ at the two ends of an axis.
 */
export interface Conv3dAttrs {
  outChannels: number;
  kernel: Triple;
  stride: Triple;
  low: Triple;
  high: Triple;
  groups: number;
  activation: "none" | UnaryKind;
  /** Channel widths of the outputs; one entry means one output of all channels. */
  split: readonly number[];
  /** Set by the pass that packs weights: the weight is then a flat packed array. */
  packed?: boolean | undefined;
}

/** The rules of the attributes. */
export const conv3dRules: Attributes<Conv3dAttrs> = {
  outChannels: integer(1),
  kernel: triple(1),
  stride: triple(1),
  low: triple(0),
  high: triple(0),
  groups: integer(1),
  activation: oneOf(activations),
  split: integers(1),
  packed: optional(flag),
};

/** Whether there are as many groups as channels in and out. */
export function isDepthwise(a: Conv3dAttrs, channels: number): boolean {
  return a.groups > 1 && a.groups === channels && a.groups === a.outChannels;
}

/** Whether the kernel and the stride are 1 and there is one group: a matrix product over positions. */
export function isPointwise(a: Conv3dAttrs): boolean {
  return (
    a.groups === 1 && [...a.kernel, ...a.stride].every((v) => v === 1) && [...a.low, ...a.high].every((v) => v === 0)
  );
}

/** Attributes with the defaults filled in. */
export function conv3dAttrs(given: Partial<Conv3dAttrs> & Pick<Conv3dAttrs, "outChannels" | "kernel">): Conv3dAttrs {
  const low = given.low ?? [0, 0, 0];
  return {
    stride: [1, 1, 1],
    low,
    high: low,
    groups: 1,
    activation: "none",
    split: [given.outChannels],
    ...given,
  };
}

/**
 * Axes of a weight `[Cout, Cin / groups, kT, kH, kW]` as CUDA kernels read it: the products of an output channel are
 * contiguous.
 */
export const CHANNELS_IN_ROWS: readonly number[] = [0, 2, 3, 4, 1];
/** Axes of a depthwise weight as CUDA kernels read it: the channels of a tap are contiguous. */
export const TAPS_IN_ROWS: readonly number[] = [1, 2, 3, 4, 0];
