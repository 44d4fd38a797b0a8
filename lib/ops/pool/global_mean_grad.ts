import { type Array64, defineOp, elements, shapeError, type TensorType } from "../../graph/tensor.js";
import { storageType } from "../storage.js";

function shape([dy]: (TensorType | null)[], a: { shape: readonly number[] }): TensorType[] {
  const [N, C] = [a.shape[0], a.shape[a.shape.length - 1]];
  if (a.shape.length < 3 || dy?.shape.length !== 2 || dy.shape[0] !== N || dy.shape[1] !== C) {
    throw shapeError("global_mean_grad", `dy [${N}, ${C}] for [${a.shape.join(", ")}]`, dy?.shape ?? "none");
  }
  return [{ shape: a.shape, dtype: storageType("global_mean_grad", dy) }];
}

function reference([dy]: (Array64 | null)[], a: { shape: readonly number[] }): Array64[] {
  const [N, C] = dy!.shape;
  const positions = elements(a.shape) / N / C;
  const data = Float64Array.from({ length: elements(a.shape) }, (_, i) => {
    return dy!.data[Math.floor(i / (positions * C)) * C + (i % C)] / positions;
  });
  return [{ shape: a.shape, data }];
}

/** Gradient of `global_mean`: dx[n, ..., c] = dy[n, c] / positions, of the given shape. */
export const globalMeanGrad = defineOp<{ shape: readonly number[] }>({
  name: "global_mean_grad",
  operands: [{ name: "dy" }],
  shape,
  reference,
  notDifferentiable: "gradients are of first order only",
  notInOnnx: "only graphs with gradients have it",
});
