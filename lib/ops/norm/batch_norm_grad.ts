import { layout } from "../../graph/attribute_layout.js";
import { type Array64, defineOp, sameShape, shapeError, type TensorType } from "../../graph/tensor.js";
import { storageType } from "../storage.js";

/**
 * Gradients of BatchNorm: inputs dy and x `[..., C]`, then weight, bias, mean and (biased) variance `[C]`; outputs dx, dweight
 * and dbias. With s = 1 / sqrt(var + eps) and n = (x - mean) s: dweight = sum dy n, dbias = sum dy, and
 * dx = weight s (dy - training (dbias + n dweight) / rows).
 */
export interface BatchNormGradAttrs {
  eps: number;
  /** Whether a ReLU followed: dy is used only where n weight + bias > 0. */
  relu?: boolean | undefined;
  /** Whether mean and variance are statistics of x, and so depend on it. */
  training: boolean;
}

function shape([dy, x, ...vectors]: (TensorType | null)[]): TensorType[] {
  const dtype = storageType("batch_norm_grad", x, dy);
  if (!sameShape(dy!.shape, x!.shape)) throw shapeError("batch_norm_grad", `dy [${x!.shape.join(", ")}]`, dy!.shape);
  const C = [x!.shape[x!.shape.length - 1]];
  for (const v of vectors) {
    if (!sameShape(v?.shape ?? [], C) || v?.dtype !== "f32") {
      throw shapeError("batch_norm_grad", `f32 [${C}]`, v ? `${v.dtype} [${v.shape.join(", ")}]` : "none");
    }
  }
  return [
    { shape: x!.shape, dtype },
    { shape: C, dtype: "f32" },
    { shape: C, dtype: "f32" },
  ];
}

function reference(inputs: (Array64 | null)[], a: BatchNormGradAttrs): Array64[] {
  const [dy, x, weight, bias, mean, variance] = inputs.map((v) => v!.data);
  const C = weight.length;
  const rows = x.length / C;
  const scale = variance.map((v) => 1 / Math.sqrt(v + a.eps));
  const n = x.map((v, i) => (v - mean[i % C]) * scale[i % C]);
  const g = dy.map((v, i) => (a.relu && !(n[i] * weight[i % C] + bias[i % C] > 0) ? 0 : v));
  const dweight = new Float64Array(C);
  const dbias = new Float64Array(C);
  g.forEach((v, i) => {
    dweight[i % C] += v * n[i];
    dbias[i % C] += v;
  });
  const dx = g.map((v, i) => {
    const c = i % C;
    return weight[c] * scale[c] * (v - (a.training ? (dbias[c] + n[i] * dweight[c]) / rows : 0));
  });
  return [
    { shape: inputs[1]!.shape, data: dx },
    { shape: [C], data: dweight },
    { shape: [C], data: dbias },
  ];
}

/** See {@link BatchNormGradAttrs}. */
export const batchNormGrad = defineOp<BatchNormGradAttrs>({
  name: "batch_norm_grad",
  operands: [
    { name: "dy" },
    { name: "x" },
    { name: "weight", f32: true },
    { name: "bias", f32: true },
    { name: "mean", f32: true },
    { name: "variance", f32: true },
  ],
  shape,
  layout: layout({ eps: "float", relu: "bool", training: "bool" }),
  reference,
  notDifferentiable: "gradients are of first order only",
  notInOnnx: "only graphs with gradients have it",
});
