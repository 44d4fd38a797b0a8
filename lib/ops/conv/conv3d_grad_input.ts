import { layout } from "../../graph/attribute_layout.js";
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
} from "../../graph/tensor.js";
import { CHANNELS_IN_ROWS, type Triple } from "./conv3d_attrs.js";
import { packConvWeight } from "./pack_conv_weight.js";

/**
 * Gradient of a convolution with respect to its input: dy `[N, T', H', W', Cout]` and the weight in the layout of
 * `transpose_conv_weight`, `[Cin, Cout / groups, kT, kH, kW]`, to dx `[N, ...size, Cin]`. Kernel, stride and low
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

/** See {@link Conv3dGradInputAttrs}. */
export const conv3dGradInput = defineOp<Conv3dGradInputAttrs>({
  name: "conv3d_grad_input",
  operands: [{ name: "dy", batched: true }, { name: "weight" }],
  packedOnCpu: ({ groups, inChannels }, { panelWidth }) => [
    packing(1, packConvWeight, { groups, split: [inChannels], panelWidth }),
  ],
  axesOnGpu: () => CHANNELS_IN_ROWS,
  shape,
  layout: layout({ groups: "int", inChannels: "int", kernel: "int[3]", stride: "int[3]", low: "int[3]" }, (a) => ({
    ...a,
    low: a.kernel.map((k, i) => k - 1 - a.low[i]),
  })),
  reference,
  notDifferentiable: "gradients are of first order only",
  notInOnnx: "only graphs with gradients have it",
});
