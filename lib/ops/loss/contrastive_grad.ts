import { layout } from "../../graph/attribute_layout.js";
import { type Array64, defineOp, sameShape, shapeError, type TensorType } from "../../graph/tensor.js";
import { storageType } from "../storage.js";

export interface ContrastiveGradAttrs {
  /** Multiplies the dot products, as in contrastive_loss. */
  scale: number;
}

function shape([a, b, group, ...vectors]: (TensorType | null)[]): TensorType[] {
  const dtype = storageType("contrastive_grad", a, b);
  if (!sameShape(a!.shape, b!.shape) || a!.shape.length !== 2) {
    throw shapeError("contrastive_grad", `b [${a!.shape.join(", ")}]`, b!.shape);
  }
  const N = a!.shape.slice(0, 1);
  if (group && (!sameShape(group.shape, N) || group.dtype !== "i32")) {
    throw shapeError("contrastive_grad", `i32 group [${N}]`, group.shape);
  }
  if (vectors.length !== 8 || vectors.some((v) => !v || v.dtype !== "f32" || !sameShape(v.shape, N))) {
    throw shapeError("contrastive_grad", `eight f32 vectors [${N}]`, `${vectors.length}`);
  }
  return [a!, b!].map((x) => ({ shape: x.shape, dtype }));
}

function reference(inputs: (Array64 | null)[], { scale }: ContrastiveGradAttrs): Array64[] {
  const [a, b, group] = inputs;
  const [rows, columns, own, ownColumns, u, w, v, z] = inputs.slice(3).map((x) => x!.data);
  const [N, D] = a!.shape;
  const da = new Float64Array(N * D);
  const db = new Float64Array(N * D);
  for (let i = 0; i < N; i++) {
    for (let j = 0; j < N; j++) {
      let s = 0;
      for (let d = 0; d < D; d++) s += scale * a!.data[i * D + d] * b!.data[j * D + d];
      let g = u[i] * Math.exp(s - rows[i]) + w[j] * Math.exp(s - columns[j]);
      if (!group && i === j) g += v[i] + z[j];
      if (group && group.data[i] === group.data[j]) {
        g += v[i] * Math.exp(s - own[i]) + z[j] * Math.exp(s - ownColumns[j]);
      }
      for (let d = 0; d < D; d++) {
        da[i * D + d] += scale * g * b!.data[j * D + d];
        db[j * D + d] += scale * g * a!.data[i * D + d];
      }
    }
  }
  return [da, db].map((data) => ({ shape: [N, D], data }));
}

/**
 * Gradients of {@link contrastiveLoss}. Inputs: a and b `[N, D]`, the optional group `[N]`, the log-sum-exps of rows R,
 * columns C and positives P, Q, and the gradients u, w, v, z of those four, all `[N]`. Outputs: da and db from dS[i, j]
 * = u[i] exp(S - R[i]) + w[j] exp(S - C[j]), plus v[i] exp(S - P[i]) + z[j] exp(S - Q[j]) for positives. Without groups
 * P and Q equal S and are not read.
 */
export const contrastiveGrad = defineOp<ContrastiveGradAttrs>({
  name: "contrastive_grad",
  operands: [
    { name: "a" },
    { name: "b" },
    { name: "group" },
    { name: "R", f32: true },
    { name: "C", f32: true },
    { name: "P", f32: true },
    { name: "Q", f32: true },
    { name: "u", f32: true },
    { name: "w", f32: true },
    { name: "v", f32: true },
    { name: "z", f32: true },
  ],
  shape,
  layout: layout({ scale: "float" }),
  reference,
  notDifferentiable: "second derivatives are not supported",
  notInOnnx: "a gradient: exported graphs are of inference",
});
