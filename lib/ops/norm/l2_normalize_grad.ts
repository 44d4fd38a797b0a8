import { type Array64, defineOp, sameShape, shapeError } from "../../graph/tensor.js";
import { l2NormalizeLayout, type L2NormalizeAttrs } from "./l2_normalize_attrs.js";
import { storageType } from "../storage.js";

function reference([x, dy]: (Array64 | null)[], { eps }: L2NormalizeAttrs): Array64[] {
  const C = x!.shape[x!.shape.length - 1];
  const dx = new Float64Array(x!.data.length);
  for (let first = 0; first < dx.length; first += C) {
    let [square, product] = [0, 0];
    for (let i = first; i < first + C; i++) {
      square += x!.data[i] ** 2;
      product += x!.data[i] * dy!.data[i];
    }
    const norm = Math.max(Math.sqrt(square), eps);
    const along = Math.sqrt(square) > eps ? product / (norm * norm) : 0;
    for (let i = first; i < first + C; i++) dx[i] = (dy!.data[i] - x!.data[i] * along) / norm;
  }
  return [{ shape: x!.shape, data: dx }];
}

/** Gradient of l2_normalize: x and dy `[..., C]` to dx like x. */
export const l2NormalizeGrad = defineOp<L2NormalizeAttrs>({
  name: "l2_normalize_grad",
  operands: [{ name: "x" }, { name: "dy" }],
  shape: ([x, dy]) => {
    const dtype = storageType("l2_normalize_grad", x, dy);
    if (!sameShape(x!.shape, dy!.shape))
      throw shapeError("l2_normalize_grad", `dy [${x!.shape.join(", ")}]`, dy!.shape);
    return [{ shape: x!.shape, dtype }];
  },
  layout: l2NormalizeLayout,
  reference,
  notDifferentiable: "second derivatives are not supported",
  notInOnnx: "a gradient: exported graphs are of inference",
});
