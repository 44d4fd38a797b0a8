import { InvalidArgumentError } from "../../errors.js";
import { callName, checkAttribute, type Rule, triple } from "../rules.js";
import type { Triple } from "./conv3d_attrs.js";

/**
 * How a window's input is padded along T, H and W: `valid` not at all, `same` so that the output has ceil(size / stride)
 * positions (TensorFlow's rule: the odd position goes to the high end), a number or one per axis as much at both ends.
 */
export type Padding = "same" | "valid" | number | Triple;

/** Padding by a word or number, or what is added at the low and at the high end of each axis (default: like `low`). */
export interface PaddingOptions {
  padding?: Padding | undefined;
  low?: Triple | undefined;
  high?: Triple | undefined;
}

const rule: Rule = {
  expected: `"same", "valid", an integer of at least 0 or one per axis T, H, W`,
  accepts: (value) =>
    typeof value === "string" ? isWord(value) : triple(0).accepts(Array.isArray(value) ? value : [value, value, value]),
  names: ["same", "valid"],
};
const isWord = (value: string) => value === "same" || value === "valid";

/**
 * What is added at the low and at the high end of T, H and W.
 * @param size of the input along T, H, W
 * @throws InvalidArgumentError for a wrong kernel, stride or padding, or for `padding` beside `low` or `high`
 */
export function resolvePadding(
  op: string,
  { padding, low, high }: PaddingOptions,
  size: readonly number[],
  kernel: Triple,
  stride: Triple,
): { low: Triple; high: Triple } {
  checkAttribute(op, "kernel", kernel, triple(1));
  checkAttribute(op, "stride", stride, triple(1));
  if (padding === undefined) {
    const start = low === undefined ? ([0, 0, 0] as const) : low;
    return { low: start, high: high === undefined ? start : high };
  }
  checkAttribute(op, "padding", padding, rule);
  if (low !== undefined || high !== undefined) {
    const other = low === undefined ? "high" : "low";
    throw new InvalidArgumentError(`${callName(op)}: padding: expected padding or ${other}, received both`, {
      op,
      argument: "padding",
      expected: `padding or ${other}`,
      received: padding,
    });
  }
  if (padding !== "same") {
    const both = padding === "valid" ? ([0, 0, 0] as const) : typeof padding === "number" ? repeated(padding) : padding;
    return { low: both, high: both };
  }
  const total = kernel.map((k, i) => Math.max((Math.ceil(size[i] / stride[i]) - 1) * stride[i] + k - size[i], 0));
  const start = total.map((n) => Math.floor(n / 2));
  return { low: start as unknown as Triple, high: total.map((n, i) => n - start[i]) as unknown as Triple };
}

const repeated = (n: number): Triple => [n, n, n];
