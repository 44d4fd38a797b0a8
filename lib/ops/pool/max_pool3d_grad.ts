import { type Array64, defineOp, denseStrides, sameShape, shapeError, type TensorType } from "../../graph/tensor.js";
import { eachWindow, maxPoolLayout, type MaxPoolAttrs, poolShape } from "./pool.js";
import { storageType } from "../storage.js";

function shape([x, dy]: (TensorType | null)[], a: MaxPoolAttrs): TensorType[] {
  const [y] = poolShape("max_pool3d_grad", x, a, a.padding === "zero");
  if (!sameShape(dy?.shape ?? [], y.shape)) {
    throw shapeError("max_pool3d_grad", `dy [${y.shape.join(", ")}]`, dy?.shape ?? "none");
  }
  return [{ shape: x!.shape, dtype: storageType("max_pool3d_grad", x, dy) }];
}

function reference([x, dy]: (Array64 | null)[], a: MaxPoolAttrs): Array64[] {
  const C = x!.shape[4];
  const s = denseStrides(x!.shape);
  const dx = new Float64Array(x!.data.length);
  eachWindow(a, x!.shape, dy!.shape, (n, output, [t, h, w]) => {
    for (let c = 0; c < C; c++) {
      let best = -Infinity;
      let from = -1;
      for (let it = t.start; it < t.start + t.padded; it++)
        for (let ih = h.start; ih < h.start + h.padded; ih++)
          for (let iw = w.start; iw < w.start + w.padded; iw++) {
            const inside = [it, ih, iw].every((p, i) => p >= 0 && p < x!.shape[1 + i]);
            if (!inside && a.padding === "-inf") continue;
            const at = n * s[0] + it * s[1] + ih * s[2] + iw * s[3] + c;
            const value = inside ? x!.data[at] : 0;
            if (value > best) {
              best = value;
              from = inside ? at : -1;
            }
          }
      if (from >= 0) dx[from] += dy!.data[output + c];
    }
  });
  return [{ shape: x!.shape, data: dx }];
}

/**
 * Gradient of `max_pool3d`: x `[N, T, H, W, C]` and dy (like y) to dx. Among equal values the first in the order T, H,
 * W gets the gradient (PyTorch); if that is a padding zero, none does. An input of -inf or NaN gets none.
 */
export const maxPool3dGrad = defineOp<MaxPoolAttrs>({
  name: "max_pool3d_grad",
  operands: [
    { name: "x", batched: true },
    { name: "dy", batched: true },
  ],
  shape,
  layout: maxPoolLayout,
  reference,
  notDifferentiable: "gradients are of first order only",
  notInOnnx: "only graphs with gradients have it",
});
