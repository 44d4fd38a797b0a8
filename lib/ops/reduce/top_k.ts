import { layout } from "../../graph/attribute_layout.js";
import type { OnnxEmitter, OnnxNode } from "../../graph/onnx_emitter.js";
import { checkOperand, misfit } from "../../graph/operands.js";
import { type Attributes, integer } from "../../graph/rules.js";
import { type Array64, defineOp, type TensorType } from "../../graph/tensor.js";

export interface TopKAttrs {
  k: number;
  /** Index of the first row, if the rows are a part of a larger matrix. */
  base: number;
}

const rules: Attributes<TopKAttrs> = { k: integer(), base: integer(0) };

function shape([queries, rows]: (TensorType | null)[], { k, base }: TopKAttrs): TensorType[] {
  const [Q, D] = checkOperand("top_k", "queries", queries, ["Q", "D"]).shape;
  const [M] = checkOperand("top_k", "rows", rows, ["M", D]).shape;
  if (k < 1) throw misfit("top_k", "k", "an integer of at least 1", k);
  if (base + M > 2 ** 31) throw misfit("top_k", "base", `indices of ${M} rows below 2^31`, base);
  return [
    { shape: [Q, k], dtype: "f32" },
    { shape: [Q, k], dtype: "i32" },
  ];
}

/** Orders by falling score; NaN is last, equal scores are ordered by index. */
function compare(scores: Float64Array): (i: number, j: number) => number {
  return (i, j) => {
    const [a, b] = [scores[i], scores[j]];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b)) || i - j;
    return a === b ? i - j : b - a;
  };
}

function reference([queries, rows]: (Array64 | null)[], { k, base }: TopKAttrs): Array64[] {
  const [Q, D] = queries!.shape;
  const [M] = rows!.shape;
  const values = new Float64Array(Q * k).fill(-Infinity);
  const indices = new Float64Array(Q * k).fill(-1);
  for (let q = 0; q < Q; q++) {
    const scores = new Float64Array(M);
    for (let m = 0; m < M; m++) {
      for (let d = 0; d < D; d++) scores[m] += queries!.data[q * D + d] * rows!.data[m * D + d];
    }
    const order = Array.from(scores, (_, m) => m).sort(compare(scores));
    order.slice(0, k).forEach((m, i) => {
      values[q * k + i] = scores[m];
      indices[q * k + i] = base + m;
    });
  }
  return [values, indices].map((data) => ({ shape: [Q, k], data }));
}

function toOnnx({ inputs: [queries, rows], outputs, attrs }: OnnxNode<TopKAttrs>, emit: OnnxEmitter): void {
  const { k, base } = attrs;
  const [M] = rows!.shape;
  const table = rows!.dtype === "f16" ? emit.node("Cast", [emit.arranged(rows!)], { to: 1 }) : emit.arranged(rows!);
  const turned = emit.node("Transpose", [table], { perm: [1, 0] });
  const scores = emit.node("MatMul", [emit.arranged(queries!), turned]);
  const found = emit.nodes("TopK", [scores, emit.integers([Math.min(k, M)])], { axis: 1, largest: 1, sorted: 1 }, 2);
  let [values, indices] = [found[0], emit.node("Cast", [found[1]], { to: 1 })];
  if (base > 0) indices = emit.node("Add", [indices, emit.floats([base], [])]);
  if (k > M) {
    const behind = emit.integers([0, 0, 0, k - M]);
    values = emit.node("Pad", [values, behind, emit.floats([-Infinity], [])]);
    indices = emit.node("Pad", [indices, behind, emit.floats([-1], [])]);
  }
  emit.set(outputs[0], values);
  emit.set(outputs[1], emit.node("Cast", [indices], { to: 6 }));
}

/**
 * The k rows with the largest dot product with each query, exactly: queries f32 `[Q, D]` and rows f32 or f16 `[M, D]`
 * to values f32 `[Q, k]` in falling order and indices i32 `[Q, k]`. Equal scores are ordered by rising index, NaN
 * follows all numbers, and entries beyond M are -inf and -1.
 */
export const topK = defineOp<TopKAttrs>({
  name: "top_k",
  operands: [{ name: "queries" }, { name: "rows" }],
  storage: "as given",
  halvesOnCpu: true,
  attributes: rules,
  shape,
  layout: layout({ k: "int", base: "int" }),
  reference,
  toOnnx,
  notDifferentiable: "a search over stored rows",
});
