import { type Array64, defineOp, denseStrides, sameShape, shapeError, type TensorType } from "../tensor.js";
import { eachWindow, encodePool, type MaxPoolAttrs, poolShape } from "./pool.js";
import { storageType } from "./storage.js";

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

const base = { low: [0, 0, 0], high: [0, 0, 0], ceil: false, padding: "-inf" } as const;
const same = { ...base, kernel: [3, 3, 3], stride: [1, 1, 1], low: [1, 1, 1], high: [1, 1, 1] } as const;
const tensor = (integer: number, ...size: number[]) => ({ shape: size, integer });

/**
 * Gradient of `max_pool3d`: x `[N, T, H, W, C]` and dy (like y) to dx. Of equal values the first in the order T, H, W
 * gets it (PyTorch); where that is a padding zero, none does. An input of -inf or NaN gets none.
 */
export const maxPool3dGrad = defineOp<MaxPoolAttrs>({
  name: "max_pool3d_grad",
  operands: [
    { name: "x", batched: true },
    { name: "dy", batched: true },
  ],
  shape,
  encode: (a) => encodePool(a, a.padding === "zero"),
  reference,
  notDifferentiable: "gradients are of first order only",
  notInOnnx: "only graphs with gradients have it",
  cases: [
    {
      name: "1x3x3",
      inputs: [tensor(9, 2, 3, 9, 7, 5), tensor(5, 2, 3, 5, 4, 5)],
      attrs: { ...base, kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], high: [0, 1, 1] },
    },
    { name: "3x3x3 same", inputs: [tensor(9, 1, 4, 5, 3, 67), tensor(5, 1, 4, 5, 3, 67)], attrs: same },
    { name: "ties", inputs: [tensor(1, 2, 3, 5, 4, 48), tensor(5, 2, 3, 5, 4, 48)], attrs: same },
    {
      name: "2x2x2 ceil",
      inputs: [tensor(9, 1, 5, 7, 3, 8), tensor(5, 1, 3, 4, 2, 8)],
      attrs: { ...base, kernel: [2, 2, 2], stride: [2, 2, 2], ceil: true },
    },
    {
      name: "ties with zero padding",
      inputs: [tensor(1, 2, 3, 5, 8, 24), tensor(5, 2, 3, 3, 9, 24)],
      attrs: { kernel: [3, 3, 3], stride: [1, 2, 1], low: [1, 0, 1], high: [1, 1, 2], ceil: true, padding: "zero" },
    },
    {
      name: "zero padding, all below zero",
      inputs: [{ shape: [2, 5, 6, 7, 16], shift: -3, scale: 1 }, { shape: [2, 3, 3, 4, 16] }],
      attrs: { kernel: [3, 3, 3], stride: [2, 2, 2], low: [0, 0, 0], high: [1, 1, 1], ceil: true, padding: "zero" },
    },
    {
      name: "positions that no window has",
      inputs: [tensor(9, 1, 3, 8, 8, 33), tensor(5, 1, 1, 3, 3, 33)],
      attrs: { ...base, kernel: [2, 2, 2], stride: [2, 3, 3] },
    },
  ],
});
