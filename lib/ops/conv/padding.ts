import { InvalidArgumentError } from "../../base/errors.js";
import { callName, checkAttribute, type Rule, triple } from "../../graph/rules.js";
import type { Triple } from "./conv3d_attrs.js";

/**
 * Padding along T, H and W. `same` gives ceil(size / stride) positions and `valid` adds nothing, both as in TensorFlow.
 * A number pads both ends of every axis, a triple both ends of each axis, as in PyTorch.
 */
export type Padding = "same" | "valid" | number | Triple;

/** Positions added before and after each axis. */
export interface PaddingEnds {
  low: Triple;
  high: Triple;
}

/**
 * Padding as a word or number, or as positions at the low and at the high end of each axis (`high` defaults to `low`).
 */
export interface PaddingOptions extends Partial<{ [K in keyof PaddingEnds]: Triple | undefined }> {
  padding?: Padding | undefined;
}

const isWord = (value: unknown) => value === "same" || value === "valid";
/** A number as a triple for all axes; any other value unchanged. */
export const perAxis = (value: number | Triple): Triple => (typeof value === "number" ? [value, value, value] : value);

const rule: Rule = {
  expected: `"same", "valid", an integer of at least 0 or [T, H, W] of these`,
  accepts: (value) => isWord(value) || triple(0).accepts(perAxis(value as Triple)),
  names: ["same", "valid"],
};

/**
 * The two ends of a padding. If `same` adds an odd number, the high end gets one more.
 * @param size of the input along T, H, W
 */
function paddingEnds(padding: Padding, size: readonly number[], kernel: Triple, stride: Triple): PaddingEnds {
  if (padding === "same") {
    const total = size.map((n, i) => Math.max(0, (Math.ceil(n / stride[i]) - 1) * stride[i] + kernel[i] - n));
    const low = total.map((n) => Math.floor(n / 2)) as unknown as Triple;
    return { low, high: total.map((n, i) => n - low[i]) as unknown as Triple };
  }
  const ends = perAxis(padding === "valid" ? 0 : padding);
  return { low: ends, high: ends };
}

/**
 * The checked padding at the two ends of each axis.
 * @param size of the input along T, H, W
 * @throws InvalidArgumentError for a wrong kernel, stride or padding, or for `padding` together with `low` or `high`
 */
export function resolvePadding(
  op: string,
  { padding, low, high }: PaddingOptions,
  size: readonly number[],
  kernel: Triple,
  stride: Triple,
): PaddingEnds {
  checkAttribute(op, "kernel", kernel, triple(1));
  checkAttribute(op, "stride", stride, triple(1));
  if (padding === undefined) {
    const start = low === undefined ? perAxis(0) : low;
    return { low: start, high: high === undefined ? start : high };
  }
  checkAttribute(op, "padding", padding, rule);
  if (low === undefined && high === undefined) return paddingEnds(padding, size, kernel, stride);
  const expected = `padding or ${low === undefined ? "high" : "low"}`;
  throw new InvalidArgumentError(`${callName(op)}: padding: expected ${expected}, received both`, {
    op,
    argument: "padding",
    expected,
    received: padding,
  });
}
