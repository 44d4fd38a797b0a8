import { type Array64, defineOp, sameShape, shapeError, type TensorType } from "../../graph/tensor.js";
import { storageType } from "../storage.js";

function shape([x, dy]: (TensorType | null)[]): TensorType[] {
  const want = [...x!.shape.slice(0, -2), x!.shape[x!.shape.length - 1]];
  if (!sameShape(dy?.shape ?? [], want)) {
    throw shapeError("reduce_max_grad", `dy [${want.join(", ")}]`, dy?.shape ?? "none");
  }
  return [{ shape: x!.shape, dtype: storageType("reduce_max_grad", x, dy) }];
}

function reference([x, dy]: (Array64 | null)[]): Array64[] {
  const [S, C] = x!.shape.slice(-2);
  const dx = new Float64Array(x!.data.length);
  dy!.data.forEach((v, i) => {
    const at = Math.floor(i / C) * S * C + (i % C);
    let best = 0;
    for (let s = 1; s < S; s++) if (x!.data[at + s * C] > x!.data[at + best * C]) best = s;
    dx[at + best * C] = v;
  });
  return [{ shape: x!.shape, data: dx }];
}

/**
 * Gradient of `reduce_max`: x `[..., S, C]` and dy `[..., C]` to dx; among equal values the first gets the gradient.
 */
export const reduceMaxGrad = defineOp<Record<string, never>>({
  name: "reduce_max_grad",
  operands: [{ name: "x" }, { name: "dy" }],
  shape,
  reference,
  notDifferentiable: "gradients are of first order only",
  notInOnnx: "only graphs with gradients have it",
});
