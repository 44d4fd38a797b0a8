import { type Array64, defineOp, sameShape, shapeError, type TensorType } from "../../graph/tensor.js";
import { type AttentionAttrs, attentionLayout } from "./attention_attrs.js";
import { storageType } from "../storage.js";

function shape([q, k, v, mask, dy]: (TensorType | null)[]): TensorType[] {
  const dtype = storageType("attention_grad", q, k, v, dy);
  if (!sameShape(q!.shape, dy!.shape)) throw shapeError("attention_grad", `dy [${q!.shape.join(", ")}]`, dy!.shape);
  const masks = mask?.dtype === "u8" || mask?.dtype === "f32";
  if (mask && (!masks || !sameShape(mask.shape, k!.shape.slice(0, 2)))) {
    throw shapeError("attention_grad", `u8 or f32 mask [${k!.shape.slice(0, 2).join(", ")}]`, mask.shape);
  }
  return [q!, k!, v!].map((x) => ({ shape: x.shape, dtype }));
}

function reference(inputs: (Array64 | null)[], { heads, scale, causal }: AttentionAttrs): Array64[] {
  const [q, k, v, mask, dy] = inputs;
  const [N, Sq, C] = q!.shape;
  const Sk = k!.shape[1];
  const HS = C / heads;
  const [dq, dk, dv] = [q!, k!, v!].map((x) => new Float64Array(x.data.length));
  const p = new Float64Array(Sk);
  const dp = new Float64Array(Sk);
  for (let n = 0; n < N; n++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < Sq; i++) {
        const row = (n * Sq + i) * C + h * HS;
        const key = (j: number) => (n * Sk + j) * C + h * HS;
        p.fill(-Infinity);
        for (let j = 0; j < Sk; j++) {
          if ((mask && mask.data[n * Sk + j] === 0) || (causal && j > i + Sk - Sq)) continue;
          p[j] = 0;
          for (let d = 0; d < HS; d++) p[j] += scale * q!.data[row + d] * k!.data[key(j) + d];
        }
        const top = p.reduce((a, b) => Math.max(a, b), -Infinity);
        if (top === -Infinity) continue;
        const sum = p.reduce((a, b) => a + Math.exp(b - top), 0);
        let delta = 0;
        for (let j = 0; j < Sk; j++) {
          p[j] = Math.exp(p[j] - top) / sum;
          dp[j] = 0;
          if (p[j] === 0) continue;
          for (let d = 0; d < HS; d++) dp[j] += dy!.data[row + d] * v!.data[key(j) + d];
          delta += p[j] * dp[j];
        }
        for (let j = 0; j < Sk; j++) {
          if (p[j] === 0) continue;
          const ds = scale * p[j] * (dp[j] - delta);
          for (let d = 0; d < HS; d++) {
            dq[row + d] += ds * k!.data[key(j) + d];
            dk[key(j) + d] += ds * q!.data[row + d];
            dv[key(j) + d] += p[j] * dy!.data[row + d];
          }
        }
      }
  return [
    { shape: q!.shape, data: dq },
    { shape: k!.shape, data: dk },
    { shape: v!.shape, data: dv },
  ];
}

/**
 * Gradients of {@link attention} from its inputs and dy (like q): dq, dk and dv. Scores and weights are computed again
 * (Dao et al. 2022, arXiv 2205.14135, without its stored statistics). A masked key gets zeros.
 */
export const attentionGrad = defineOp<AttentionAttrs>({
  name: "attention_grad",
  operands: [
    { name: "q", strided: true, batched: true },
    { name: "k", strided: true, batched: true },
    { name: "v", strided: true, batched: true },
    { name: "mask", f32: true, batched: true },
    { name: "dy", strided: true, batched: true },
  ],
  shape,
  layout: attentionLayout,
  reference,
  notDifferentiable: "second derivatives are not supported",
  notInOnnx: "a gradient: exported graphs are of inference",
});
