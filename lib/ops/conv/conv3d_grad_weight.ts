import { layout } from "../../graph/attribute_layout.js";
import {
  type Array64,
  defineOp,
  denseStrides,
  elements,
  isFloat,
  shapeError,
  type TensorType,
} from "../../graph/tensor.js";
import type { Triple } from "./conv3d_attrs.js";

/**
 * Gradient of a convolution with respect to its weight: x `[N, T, H, W, Cin]` and dy `[N, T', H', W', Cout]` to
 * `[Cout, Cin / groups, kT, kH, kW]`, always f32. Kernel, stride and low padding are those of the forward convolution.
 */
export interface Conv3dGradWeightAttrs {
  kernel: Triple;
  stride: Triple;
  low: Triple;
  groups: number;
}

function shape([x, dy]: (TensorType | null)[], a: Conv3dGradWeightAttrs): TensorType[] {
  if (x?.shape.length !== 5 || !isFloat(x.dtype)) {
    throw shapeError("conv3d_grad_weight", "x [N, T, H, W, Cin] of floats", x?.shape ?? "none");
  }
  if (dy?.shape.length !== 5 || dy.shape[0] !== x.shape[0]) {
    throw shapeError("conv3d_grad_weight", `dy [${x.shape[0]}, T', H', W', Cout]`, dy?.shape ?? "none");
  }
  if (dy.dtype !== x.dtype) throw shapeError("conv3d_grad_weight", `${x.dtype} like x`, dy.dtype);
  if (x.shape[4] % a.groups || dy.shape[4] % a.groups) {
    throw shapeError("conv3d_grad_weight", `channels that ${a.groups} groups divide`, [x.shape[4], dy.shape[4]]);
  }
  return [{ shape: [dy.shape[4], x.shape[4] / a.groups, ...a.kernel], dtype: "f32" }];
}

function reference([x, dy]: (Array64 | null)[], a: Conv3dGradWeightAttrs): Array64[] {
  const types = [x, dy].map((v) => ({ shape: v!.shape, dtype: "f32" as const }));
  const [{ shape: out }] = shape(types, a);
  const [O, I] = out;
  const [N, T, H, W] = dy!.shape;
  const xs = denseStrides(x!.shape);
  const ws = denseStrides(out);
  const dw = new Float64Array(elements(out));
  let row = 0;
  for (let n = 0; n < N; n++)
    for (let t = 0; t < T; t++)
      for (let h = 0; h < H; h++)
        for (let w = 0; w < W; w++, row += O)
          for (let kt = 0; kt < a.kernel[0]; kt++) {
            const it = t * a.stride[0] + kt - a.low[0];
            if (it < 0 || it >= x!.shape[1]) continue;
            for (let kh = 0; kh < a.kernel[1]; kh++) {
              const ih = h * a.stride[1] + kh - a.low[1];
              if (ih < 0 || ih >= x!.shape[2]) continue;
              for (let kw = 0; kw < a.kernel[2]; kw++) {
                const iw = w * a.stride[2] + kw - a.low[2];
                if (iw < 0 || iw >= x!.shape[3]) continue;
                const from = n * xs[0] + it * xs[1] + ih * xs[2] + iw * xs[3];
                for (let o = 0; o < O; o++) {
                  const first = from + Math.floor(o / (O / a.groups)) * I;
                  const wi = o * ws[0] + kt * ws[2] + kh * ws[3] + kw * ws[4];
                  for (let i = 0; i < I; i++) dw[wi + i * ws[1]] += dy!.data[row + o] * x!.data[first + i];
                }
              }
            }
          }
  return [{ shape: out, data: dw }];
}

/** See {@link Conv3dGradWeightAttrs}. */
export const conv3dGradWeight = defineOp<Conv3dGradWeightAttrs>({
  name: "conv3d_grad_weight",
  operands: [{ name: "x" }, { name: "dy" }],
  dense: ["outputs"],
  shape,
  layout: layout({ groups: "int", kernel: "int[3]", stride: "int[3]", low: "int[3]" }),
  reference,
  notDifferentiable: "gradients are of first order only",
  notInOnnx: "only graphs with gradients have it",
});
