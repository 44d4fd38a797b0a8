import { type Array64, defineOp, sameShape, shapeError, type TensorType } from "../tensor.js";
import type { AttentionAttrs } from "./attention_attrs.js";
import { storageType } from "./storage.js";

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

const attrs = (heads: number, scale: number, causal = false) => ({ heads, scale, causal });
const mask = (N: number, Sk: number, integer = 2) => ({ shape: [N, Sk], dtype: "u8" as const, integer });
type Mask = { shape: number[]; dtype: "u8" | "f32"; integer: number };
const row = (name: string, [N, Sq, Sk, C]: number[], a: AttentionAttrs, m: Mask | null = null, scale = 1) => ({
  name,
  inputs: [{ shape: [N, Sq, C], scale }, { shape: [N, Sk, C] }, { shape: [N, Sk, C] }, m, { shape: [N, Sq, C] }],
  attrs: a,
});

/**
 * Gradients of {@link attention} from its inputs and dy (like q): dq, dk and dv. Scores and weights are computed again
 * (Dao et al. 2022, arXiv 2205.14135, without its stored statistics). A key that is left out gets zeros.
 */
export const attentionGrad = defineOp<AttentionAttrs>({
  name: "attention_grad",
  operands: [
    { name: "q", batched: true },
    { name: "k", batched: true },
    { name: "v", batched: true },
    { name: "mask", f32: true, batched: true },
    { name: "dy", batched: true },
  ],
  shape,
  encode: (a) => [a.heads, a.scale, a.causal ? 1 : 0],
  reference,
  notDifferentiable: "second derivatives are not supported",
  notInOnnx: "a gradient: exported graphs are of inference",
  cases: [
    row("one", [1, 1, 1, 1], attrs(1, 1)),
    row("odd", [2, 7, 7, 15], attrs(3, 0.5)),
    row("heads of 16", [1, 17, 17, 32], attrs(2, 0.25)),
    row("heads of 32", [2, 34, 34, 96], attrs(3, 0.2), mask(2, 34)),
    row("heads of 64", [1, 35, 35, 128], attrs(2, 0.125), mask(1, 35)),
    row("heads of 128", [1, 31, 31, 128], attrs(1, 0.09)),
    row("sharp", [1, 23, 23, 40], attrs(2, 1), null, 4),
    row("cross", [3, 5, 67, 24], attrs(2, 0.3), mask(3, 67)),
    row("causal", [2, 37, 37, 26], attrs(2, 0.3, true)),
    row("causal cross", [1, 5, 41, 16], attrs(1, 0.3, true), mask(1, 41)),
    row("causal unseen", [1, 40, 9, 16], attrs(1, 0.3, true)),
    row("negative scale", [1, 9, 70, 16], attrs(1, -0.4)),
    row("equal weights", [1, 3, 33, 16], attrs(2, 0), mask(1, 33)),
    row("f32 mask", [1, 40, 33, 64], attrs(1, 0.3), { ...mask(1, 33), dtype: "f32" }),
    row("odd heads above 32", [2, 5, 19, 74], attrs(2, 0.3), mask(2, 19)),
    row("wide heads", [1, 3, 35, 300], attrs(2, 0.2), mask(1, 35)),
    row("odd wide heads", [1, 34, 7, 131], attrs(1, 0.2)),
    row("no key", [2, 3, 11, 16], attrs(2, 0.3), mask(2, 11, 1)),
    row("many keys", [1, 3, 131, 20], attrs(1, 0.3), mask(1, 131), 2),
    row("causal tiles", [1, 77, 77, 8], attrs(1, 1, true), null, 3),
    row("causal tiles of two heads", [2, 70, 133, 64], attrs(2, 0.2, true), mask(2, 133)),
    row("more queries than keys", [2, 131, 66, 48], attrs(1, 0.2), mask(2, 66)),
  ],
});
