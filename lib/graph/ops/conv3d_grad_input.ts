import {
  type Array64,
  defineOp,
  denseStrides,
  elements,
  isFloat,
  packing,
  sameShape,
  shapeError,
  type TensorType,
} from "../tensor.js";
import { CHANNELS_IN_ROWS, type Triple } from "./conv3d_attrs.js";
import { packConvWeight } from "./pack_conv_weight.js";

/**
 * Gradient of a convolution with respect to its input: dy `[N, T', H', W', Cout]` and the weight as
 * `transpose_conv_weight` gives it, `[Cin, Cout / groups, kT, kH, kW]`, to dx `[N, ...size, Cin]`. Kernel, stride and low
 * padding are those of the forward convolution; the high padding follows from the sizes.
 */
export interface Conv3dGradInputAttrs {
  inChannels: number;
  /** T, H, W of the forward convolution's input. */
  size: Triple;
  kernel: Triple;
  stride: Triple;
  low: Triple;
  groups: number;
  /** Set by the pass that packs weights. */
  packed?: boolean | undefined;
}

function shape([dy, weight]: (TensorType | null)[], a: Conv3dGradInputAttrs): TensorType[] {
  if (dy?.shape.length !== 5 || !isFloat(dy.dtype)) {
    throw shapeError("conv3d_grad_input", "dy [N, T', H', W', Cout] of floats", dy?.shape ?? "none");
  }
  const want = [a.inChannels, dy.shape[4] / a.groups, ...a.kernel];
  if (!a.packed && !sameShape(weight?.shape ?? [], want)) {
    throw shapeError("conv3d_grad_input", `weight [${want.join(", ")}]`, weight?.shape ?? "none");
  }
  if (!isFloat(weight!.dtype)) throw shapeError("conv3d_grad_input", "a weight of floats", weight!.dtype);
  return [{ shape: [dy.shape[0], ...a.size, a.inChannels], dtype: dy.dtype }];
}

function reference([dy, weight]: (Array64 | null)[], a: Conv3dGradInputAttrs): Array64[] {
  const out = [dy!.shape[0], ...a.size, a.inChannels];
  const [N, T, H, W, C] = out;
  const O = dy!.shape[4] / a.groups;
  const ys = denseStrides(dy!.shape);
  const ws = denseStrides(weight!.shape);
  const dx = new Float64Array(elements(out));
  // position in dy of tap k at position p, or -1: the taps are reversed
  const source = (axis: number, p: number, k: number) => {
    const at = p + k + a.low[axis] - a.kernel[axis] + 1;
    return at >= 0 && at % a.stride[axis] === 0 && at / a.stride[axis] < dy!.shape[1 + axis] ? at / a.stride[axis] : -1;
  };
  let index = 0;
  for (let n = 0; n < N; n++)
    for (let t = 0; t < T; t++)
      for (let h = 0; h < H; h++)
        for (let w = 0; w < W; w++, index += C)
          for (let kt = 0; kt < a.kernel[0]; kt++) {
            const ot = source(0, t, kt);
            if (ot < 0) continue;
            for (let kh = 0; kh < a.kernel[1]; kh++) {
              const oh = source(1, h, kh);
              if (oh < 0) continue;
              for (let kw = 0; kw < a.kernel[2]; kw++) {
                const ow = source(2, w, kw);
                if (ow < 0) continue;
                const from = n * ys[0] + ot * ys[1] + oh * ys[2] + ow * ys[3];
                for (let c = 0; c < C; c++) {
                  const first = from + Math.floor(c / (C / a.groups)) * O;
                  const wi = c * ws[0] + kt * ws[2] + kh * ws[3] + kw * ws[4];
                  for (let o = 0; o < O; o++) dx[index + c] += dy!.data[first + o] * weight!.data[wi + o * ws[1]];
                }
              }
            }
          }
  return [{ shape: out, data: dx }];
}

const d = (...shape: number[]) => ({ shape, integer: 4 });
const w = (...shape: number[]) => ({ shape, integer: 3 });

/** See {@link Conv3dGradInputAttrs}. */
export const conv3dGradInput = defineOp<Conv3dGradInputAttrs>({
  name: "conv3d_grad_input",
  operands: [{ name: "dy", batched: true }, { name: "weight" }],
  packedOnCpu: ({ groups, inChannels }, panelWidth) => [
    packing(1, packConvWeight, { groups, split: [inChannels], panelWidth }),
  ],
  axesOnGpu: () => CHANNELS_IN_ROWS,
  shape,
  encode: (a) => [a.groups, a.inChannels, ...a.kernel, ...a.stride, ...a.kernel.map((k, i) => k - 1 - a.low[i])],
  reference,
  notDifferentiable: "gradients are of first order only",
  notInOnnx: "only graphs with gradients have it",
  cases: [
    {
      name: "one position",
      inputs: [d(1, 1, 1, 1, 1), w(1, 1, 1, 1, 1)],
      attrs: { inChannels: 1, size: [1, 1, 1], kernel: [1, 1, 1], stride: [1, 1, 1], low: [0, 0, 0], groups: 1 },
    },
    {
      name: "7x1x1 stride 2",
      inputs: [d(2, 3, 3, 5, 24), w(40, 24, 7, 1, 1)],
      attrs: { inChannels: 40, size: [6, 3, 5], kernel: [7, 1, 1], stride: [2, 1, 1], low: [3, 0, 0], groups: 1 },
    },
    {
      name: "3x7x7 stride 2 odd",
      inputs: [d(1, 2, 4, 3, 13), w(3, 13, 3, 7, 7)],
      attrs: { inChannels: 3, size: [3, 7, 6], kernel: [3, 7, 7], stride: [2, 2, 2], low: [1, 3, 3], groups: 1 },
    },
    {
      name: "1x1x1 stride 2, positions that no output reads",
      inputs: [d(2, 3, 3, 4, 48), w(24, 48, 1, 1, 1)],
      attrs: { inChannels: 24, size: [3, 5, 8], kernel: [1, 1, 1], stride: [1, 2, 2], low: [0, 0, 0], groups: 1 },
    },
    {
      name: "stride above the kernel",
      inputs: [d(1, 2, 3, 3, 8), w(16, 8, 1, 2, 2)],
      attrs: { inChannels: 16, size: [2, 9, 9], kernel: [1, 2, 2], stride: [1, 3, 3], low: [0, 0, 0], groups: 1 },
    },
    {
      name: "padding above the kernel",
      inputs: [d(2, 6, 5, 5, 9), w(17, 9, 1, 1, 3)],
      attrs: { inChannels: 17, size: [2, 5, 5], kernel: [1, 1, 3], stride: [1, 1, 1], low: [2, 0, 1], groups: 1 },
    },
    {
      name: "many tiles",
      inputs: [d(2, 2, 9, 8, 40), w(72, 40, 1, 3, 3)],
      attrs: { inChannels: 72, size: [2, 17, 16], kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], groups: 1 },
    },
    {
      name: "grouped",
      inputs: [d(2, 2, 3, 3, 20), w(12, 5, 1, 3, 3)],
      attrs: { inChannels: 12, size: [2, 5, 6], kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], groups: 4 },
    },
    {
      name: "two groups of whole vectors",
      inputs: [d(1, 2, 3, 4, 64), w(32, 32, 1, 3, 3)],
      attrs: { inChannels: 32, size: [2, 5, 7], kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], groups: 2 },
    },
    {
      name: "depthwise 3x3x3 stride 2",
      inputs: [d(2, 3, 3, 4, 70), w(70, 1, 3, 3, 3)],
      attrs: { inChannels: 70, size: [3, 5, 7], kernel: [3, 3, 3], stride: [1, 2, 2], low: [1, 1, 1], groups: 70 },
    },
    {
      name: "depthwise 3x3x3 stride 2 in vectors",
      inputs: [d(1, 2, 4, 5, 48), w(48, 1, 3, 3, 3)],
      attrs: { inChannels: 48, size: [2, 8, 9], kernel: [3, 3, 3], stride: [1, 2, 2], low: [1, 1, 1], groups: 48 },
    },
    {
      name: "random",
      inputs: [{ shape: [1, 2, 3, 4, 33] }, { shape: [19, 33, 2, 3, 3], scale: 0.1 }],
      attrs: { inChannels: 19, size: [3, 6, 7], kernel: [2, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], groups: 1 },
    },
  ],
});
