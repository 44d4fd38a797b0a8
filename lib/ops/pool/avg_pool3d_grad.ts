import {
  type Array64,
  defineOp,
  denseStrides,
  elements,
  sameShape,
  shapeError,
  type TensorType,
} from "../../graph/tensor.js";
import type { Triple } from "../conv/conv3d_attrs.js";
import { type AvgPoolAttrs, eachWindow, avgPoolLayout, poolShape } from "./pool.js";
import { storageType } from "../storage.js";

/** The attributes of the pool, and T, H, W of its input. */
export interface AvgPoolGradAttrs extends AvgPoolAttrs {
  size: Triple;
}

function shape([dy]: (TensorType | null)[], a: AvgPoolGradAttrs): TensorType[] {
  if (dy?.shape.length !== 5) throw shapeError("avg_pool3d_grad", "dy [N, T', H', W', C]", dy?.shape ?? "none");
  const dtype = storageType("avg_pool3d_grad", dy);
  const x = { shape: [dy.shape[0], ...a.size, dy.shape[4]], dtype };
  const [y] = poolShape("avg_pool3d_grad", x, a, false);
  if (!sameShape(dy.shape, y.shape)) throw shapeError("avg_pool3d_grad", `dy [${y.shape.join(", ")}]`, dy.shape);
  return [x];
}

function reference([dy]: (Array64 | null)[], a: AvgPoolGradAttrs): Array64[] {
  const C = dy!.shape[4];
  const x = [dy!.shape[0], ...a.size, C];
  const s = denseStrides(x);
  const dx = new Float64Array(elements(x));
  eachWindow(a, x, dy!.shape, (n, output, axes) => {
    const [t, h, w] = axes;
    const count = elements(axes.map((axis) => (a.countIncludePad ? axis.padded : axis.end - axis.begin)));
    for (let it = t.begin; it < t.end; it++)
      for (let ih = h.begin; ih < h.end; ih++)
        for (let iw = w.begin; iw < w.end; iw++)
          for (let c = 0; c < C; c++)
            dx[n * s[0] + it * s[1] + ih * s[2] + iw * s[3] + c] += dy!.data[output + c] / count;
  });
  return [{ shape: x, data: dx }];
}

/** Gradient of `avg_pool3d`: dy `[N, T', H', W', C]` to dx `[N, ...size, C]`. */
export const avgPool3dGrad = defineOp<AvgPoolGradAttrs>({
  name: "avg_pool3d_grad",
  operands: [{ name: "dy", batched: true }],
  shape,
  layout: avgPoolLayout,
  reference,
  notDifferentiable: "gradients are of first order only",
  notInOnnx: "only graphs with gradients have it",
});
