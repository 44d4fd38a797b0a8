import { layout } from "../../graph/attribute_layout.js";
import { channelsFirst, type OnnxEmitter } from "../../graph/onnx_emitter.js";
import { checkFilled, checkOperand, misfit } from "../../graph/operands.js";
import { flag, integers, triple } from "../../graph/rules.js";
import { type Array64, denseStrides, elements, type Tensor, type TensorType } from "../../graph/tensor.js";
import type { Triple } from "../conv/conv3d_attrs.js";

/** Attributes of max and average pooling. */
export interface PoolAttrs {
  kernel: Triple;
  stride: Triple;
  low: Triple;
  high: Triple;
  /**
   * Round the output size up. A last window that would start beyond the input and its low padding is dropped (PyTorch).
   */
  ceil: boolean;
}

/** Mean over windows of x `[N, T, H, W, C]`, by PyTorch's rule. */
export interface AvgPoolAttrs extends PoolAttrs {
  /** Whether the divisor of a mean counts padding. */
  countIncludePad: boolean;
}

/** Maximum over windows of x `[N, T, H, W, C]`. */
export interface MaxPoolAttrs extends PoolAttrs {
  /**
   * `-inf`: padding is never the maximum (PyTorch). `zero`: padding takes part as zeros (S3D-G's TensorFlow padding).
   */
  padding: "-inf" | "zero";
}

/** The rules of the attributes of pools. */
export const poolRules = {
  kernel: triple(1),
  stride: triple(1),
  low: integers(0, 3),
  high: integers(0, 3),
  ceil: flag,
};

/** Maximum positions of a window, which kernels count in 64 bits together with the padding. */
const LARGEST_WINDOW = 2 ** 31;

/** @param padded whether the padding belongs to the input, as with an explicit zero padding before the pool */
export function poolShape(op: string, given: TensorType | null, a: PoolAttrs, padded: boolean): TensorType[] {
  const x = checkOperand(op, "x", given, ["N", "T", "H", "W", "C"]);
  checkFilled(op, "x", { ...x, shape: x.shape.slice(0, 4) }, 1);
  if (elements(a.kernel) > LARGEST_WINDOW) throw misfit(op, "kernel", "at most 2^31 positions", a.kernel);
  const size = a.kernel.map((k, i) => {
    for (const end of ["low", "high"] as const) {
      // otherwise a window could cover padding alone
      if (a[end][i] >= k) throw misfit(op, end, `padding below the kernel [${a.kernel.join(", ")}]`, a[end]);
    }
    const n = x.shape[1 + i] + a.low[i] + a.high[i];
    const steps = (n - k) / a.stride[i];
    const out = (a.ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    if (out < 1) throw misfit(op, "x", `at least ${k} positions along ${"THW"[i]} (padding counted)`, x.shape);
    const limit = padded ? n : x.shape[1 + i] + a.low[i];
    return a.ceil && (out - 1) * a.stride[i] >= limit ? out - 1 : out;
  });
  return [{ shape: [x.shape[0], ...size, x.shape[4]], dtype: x.dtype }];
}

const windowFields = { kernel: "int[3]", stride: "int[3]", low: "int[3]", high: "int[3]" } as const;

export const avgPoolLayout = layout({ ...windowFields, countIncludePad: "bool" });

export const maxPoolLayout = layout({ ...windowFields, zeroPadding: "bool" }, (a: MaxPoolAttrs) => ({
  ...a,
  zeroPadding: a.padding === "zero",
}));

/**
 * Window `o` along axis `i` of an input of `n` positions: the positions inside the input, and their number with
 * padding.
 */
function windowAlong(a: PoolAttrs, i: number, n: number, o: number) {
  const start = o * a.stride[i] - a.low[i];
  const stop = Math.min(start + a.kernel[i], n + a.high[i]);
  return { begin: Math.max(0, start), end: Math.min(stop, n), padded: stop - start };
}

/** Calls `reduce(values inside the input, positions in the padded input)` for every output. */
export function poolReference(
  x: Array64,
  a: PoolAttrs,
  out: readonly number[],
  reduce: (inside: number[], padded: number) => number,
): Array64[] {
  const [N, T, H, W, C] = out;
  const s = denseStrides(x.shape);
  const y = new Float64Array(elements(out));
  const range = (o: number, i: number) => windowAlong(a, i, x.shape[1 + i], o);
  let at = 0;
  for (let n = 0; n < N; n++)
    for (let t = 0; t < T; t++)
      for (let h = 0; h < H; h++)
        for (let w = 0; w < W; w++) {
          const [rt, rh, rw] = [range(t, 0), range(h, 1), range(w, 2)];
          for (let c = 0; c < C; c++, at++) {
            const inside: number[] = [];
            for (let it = rt.begin; it < rt.end; it++)
              for (let ih = rh.begin; ih < rh.end; ih++)
                for (let iw = rw.begin; iw < rw.end; iw++)
                  inside.push(x.data[n * s[0] + it * s[1] + ih * s[2] + iw * s[3] + c]);
            y[at] = reduce(inside, rt.padded * rh.padded * rw.padded);
          }
        }
  return [{ shape: out, data: y }];
}

/**
 * Calls `visit` for every window of a pool from x to y with the offset of its output and, per axis, the result of
 * `windowAlong`.
 */
export function eachWindow(
  a: PoolAttrs,
  x: readonly number[],
  y: readonly number[],
  visit: (n: number, output: number, axes: { start: number; begin: number; end: number; padded: number }[]) => void,
): void {
  const [N, T, H, W, C] = y;
  let output = 0;
  for (let n = 0; n < N; n++)
    for (let t = 0; t < T; t++)
      for (let h = 0; h < H; h++)
        for (let w = 0; w < W; w++, output += C) {
          const axes = [t, h, w].map((o, i) => ({
            ...windowAlong(a, i, x[1 + i], o),
            start: o * a.stride[i] - a.low[i],
          }));
          visit(n, output, axes);
        }
}

/**
 * Emits a pool of x, channels-first. Padding is that of ONNX's pools (-inf, or 0 in a mean). ONNX's ceil mode differs
 * between versions, and onnxruntime reads a Pad node before a MaxPool as padding with -inf.
 */
export function emitPool(
  emit: OnnxEmitter,
  type: "MaxPool" | "AveragePool",
  [x, y]: [Tensor, Tensor],
  a: PoolAttrs,
  attributes: Record<string, number> = {},
): string {
  const high = a.kernel.map((k, i) => Math.max(0, (y.shape[1 + i] - 1) * a.stride[i] + k - a.low[i] - x.shape[1 + i]));
  return emit.node(type, [emit.arranged(x, channelsFirst(5))], {
    kernel_shape: a.kernel,
    strides: a.stride,
    pads: [...a.low, ...high],
    ...attributes,
  });
}

/** `value(positions inside the input, positions in the padded input)` of every window, in the order T, H, W. */
export function perWindow(
  a: PoolAttrs,
  x: readonly number[],
  y: readonly number[],
  value: (inside: number, padded: number) => number,
): number[] {
  const [T, H, W] = y.slice(1, 4);
  const values: number[] = [];
  for (let t = 0; t < T; t++)
    for (let h = 0; h < H; h++)
      for (let w = 0; w < W; w++) {
        const axes = [t, h, w].map((o, i) => windowAlong(a, i, x[1 + i], o));
        const inside = elements(axes.map(({ begin, end }) => Math.max(0, end - begin)));
        values.push(value(inside, elements(axes.map(({ padded }) => padded))));
      }
  return values;
}
