import type { OnnxEmitter, OnnxNode } from "../../graph/onnx_emitter.js";
import { checkOperand, misfit, operandError } from "../../graph/operands.js";
import { type Attributes, flag, integer, number } from "../../graph/rules.js";
import {
  type Array64,
  defineOp,
  elements,
  type GradientNode,
  type Tensor,
  type TensorType,
} from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { type AttentionAttrs, attentionLayout } from "./attention_attrs.js";
import { attentionGrad } from "./attention_grad.js";

const rules: Attributes<AttentionAttrs> = { heads: integer(1), scale: number(), causal: flag };

function shape([q, k, v, mask]: (TensorType | null)[], { heads }: AttentionAttrs): TensorType[] {
  const { shape: size, dtype } = checkOperand("attention", "q", q, ["N", "Sq", "C"]);
  const [N, , C] = size;
  if (C % heads) throw misfit("attention", "heads", `a divisor of ${C} channels`, heads);
  const keys = checkOperand("attention", "k", k, [N, "Sk", C], [dtype]);
  if (keys.shape[1] < 1) throw operandError("attention", "k", k, "at least 1 key (Sk)");
  checkOperand("attention", "v", v, keys.shape, [dtype]);
  if (mask) checkOperand("attention", "mask", mask, keys.shape.slice(0, 2), ["u8", "f32"]);
  return [{ shape: size, dtype }];
}

function reference([q, k, v, mask]: (Array64 | null)[], { heads, scale, causal }: AttentionAttrs): Array64[] {
  const [N, Sq, C] = q!.shape;
  const Sk = k!.shape[1];
  const HS = C / heads;
  const y = new Float64Array(N * Sq * C);
  const weights = new Float64Array(Sk);
  for (let n = 0; n < N; n++)
    for (let h = 0; h < heads; h++)
      for (let i = 0; i < Sq; i++) {
        const row = (n * Sq + i) * C + h * HS;
        weights.fill(-Infinity);
        for (let j = 0; j < Sk; j++) {
          if ((mask && mask.data[n * Sk + j] === 0) || (causal && j > i + Sk - Sq)) continue;
          const key = (n * Sk + j) * C + h * HS;
          weights[j] = 0;
          for (let d = 0; d < HS; d++) weights[j] += scale * q!.data[row + d] * k!.data[key + d];
        }
        const top = weights.reduce((a, b) => Math.max(a, b), -Infinity);
        if (top === -Infinity) continue;
        const sum = weights.reduce((a, b) => a + Math.exp(b - top), 0);
        for (let j = 0; j < Sk; j++) {
          if (weights[j] === -Infinity) continue; // values of masked keys may be NaN
          const p = Math.exp(weights[j] - top) / sum;
          for (let d = 0; d < HS; d++) y[row + d] += p * v!.data[(n * Sk + j) * C + h * HS + d];
        }
      }
  return [{ shape: q!.shape, data: y }];
}

/** With a scale of 0 the weights depend on the mask alone, so only v has a gradient. */
function gradient({ inputs, attrs, outGrads: [dy] }: GradientNode<AttentionAttrs>): (Tensor | null)[] {
  const [q, k, v, mask] = inputs;
  const [dq, dk, dv] = applyOp(attentionGrad, [q, k, v, mask ?? null, dy], attrs);
  return attrs.scale === 0 ? [null, null, dv] : [dq, dk, dv];
}

/**
 * ONNX's softmax is undefined for a row without keys, so masked keys get a low score first and a weight of 0
 * afterwards.
 */
function toOnnx({ inputs, outputs: [y], attrs }: OnnxNode<AttentionAttrs>, emit: OnnxEmitter): void {
  const [q, k, v, mask] = inputs;
  const { heads, scale, causal } = attrs;
  const [N, Sq, C] = q!.shape;
  const Sk = k!.shape[1];
  const split = (x: string, S: number, perm: number[]) =>
    emit.node("Transpose", [emit.node("Reshape", [x, emit.integers([N, S, heads, C / heads])])], { perm });
  const rows = split(emit.node("Mul", [emit.arranged(q!), emit.floats([scale], [])]), Sq, [0, 2, 1, 3]);
  let p = emit.node("MatMul", [rows, split(emit.arranged(k!), Sk, [0, 2, 3, 1])]);
  const seen: string[] = [];
  if (mask) {
    const given = emit.arranged(mask);
    const value = mask.dtype === "f32" ? given : emit.node("Cast", [given], { to: 1 });
    const none = emit.node("Equal", [value, emit.floats([0], [])]);
    const flat = emit.node("Not", [none]);
    seen.push(emit.node("Reshape", [flat, emit.integers([N, 1, 1, Sk])]));
  }
  if (causal) {
    const below = Array.from({ length: Sq * Sk }, (_, at) => (at % Sk <= Math.floor(at / Sk) + Sk - Sq ? 1 : 0));
    seen.push(emit.node("Greater", [emit.floats(below, [1, 1, Sq, Sk]), emit.floats([0], [])]));
  }
  const all = seen.length > 1 ? emit.node("And", seen) : seen[0];
  if (all) p = emit.node("Where", [all, p, emit.floats([-1e30], [])]);
  p = emit.node("Softmax", [p], { axis: -1 });
  if (all) p = emit.node("Where", [all, p, emit.floats([0], [])]);
  const sums = emit.node("MatMul", [p, split(emit.arranged(v!), Sk, [0, 2, 1, 3])]);
  const joined = emit.node("Transpose", [sums], { perm: [0, 2, 1, 3] });
  emit.set(y, emit.node("Reshape", [joined, emit.integers([N, Sq, C])]));
}

/**
 * Softmax attention (Vaswani et al. 2017, arXiv 1706.03762) for all heads: q `[N, Sq, heads HS]`, k and v
 * `[N, Sk, heads HS]`, optional mask `[N, Sk]` of u8 or f32 whose zeros exclude keys, to y like q. q, k and v may be
 * slices of one tensor. A query without valid keys gives zeros; masked keys do not change a bit of the result.
 */
export const attention = defineOp<AttentionAttrs>({
  name: "attention",
  bf16OnCpu: () => true,
  operands: [
    { name: "q", strided: true, batched: true },
    { name: "k", strided: true, batched: true },
    { name: "v", strided: true, batched: true },
    { name: "mask", f32: true, batched: true },
  ],
  // scores and weighted sums
  multiplyAdds: (inputs, [y]) => 2 * elements(y.shape) * inputs[1]!.shape[1],
  attributes: rules,
  shape,
  layout: attentionLayout,
  reference,
  gradient,
  toOnnx,
});
