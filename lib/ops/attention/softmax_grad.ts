import { layout } from "../../graph/attribute_layout.js";
import { type Array64, defineOp, sameShape, shapeError, type TensorType } from "../../graph/tensor.js";
import { storageType } from "../storage.js";

function shape([y, dy]: (TensorType | null)[]): TensorType[] {
  const dtype = storageType("softmax_grad", y, dy);
  if (!sameShape(y!.shape, dy!.shape)) throw shapeError("softmax_grad", `dy [${y!.shape.join(", ")}]`, dy!.shape);
  return [{ shape: y!.shape, dtype }];
}

function reference([y, dy]: (Array64 | null)[], { log }: { log: boolean }): Array64[] {
  const C = y!.shape[y!.shape.length - 1];
  const dx = new Float64Array(y!.data.length);
  for (let first = 0; first < dx.length; first += C) {
    let sum = 0;
    for (let i = first; i < first + C; i++) sum += log ? dy!.data[i] : y!.data[i] * dy!.data[i];
    for (let i = first; i < first + C; i++) {
      dx[i] = log ? dy!.data[i] - Math.exp(y!.data[i]) * sum : y!.data[i] * (dy!.data[i] - sum);
    }
  }
  return [{ shape: y!.shape, data: dx }];
}

export const softmaxLayout = layout({ log: "bool" });

/** Gradient of {@link softmax} from its result: y and dy `[..., C]` to dx, with the same `log`. */
export const softmaxGrad = defineOp<{ log: boolean }>({
  name: "softmax_grad",
  operands: [{ name: "y" }, { name: "dy" }],
  shape,
  layout: softmaxLayout,
  reference,
  notDifferentiable: "second derivatives are not supported",
  notInOnnx: "a gradient: exported graphs are of inference",
});
