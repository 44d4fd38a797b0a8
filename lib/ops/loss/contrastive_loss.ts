import { layout } from "../../graph/attribute_layout.js";
import { checkFilled, checkOperand } from "../../graph/operands.js";
import { type Attributes, number, oneOf, optional } from "../../graph/rules.js";
import {
  type Array64,
  defineOp,
  type GradientBuilder,
  type GradientNode,
  type Tensor,
  type TensorType,
} from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { contrastiveGrad } from "./contrastive_grad.js";

export interface ContrastiveLossAttrs {
  /** Multiplies the dot products: 1 / temperature. VideoCLIP uses raw dot products, a scale of 1. */
  scale: number;
  /** How the means of the two directions are combined: VideoCLIP adds them, CLIP averages them. */
  reduction: "sum" | "mean";
  /** The directions of the loss: `rows` classifies each a among all b, `columns` each b among all a. Default: both. */
  directions?: "both" | "rows" | "columns" | undefined;
}

const rules: Attributes<ContrastiveLossAttrs> = {
  scale: number(),
  reduction: oneOf(["sum", "mean"]),
  directions: optional(oneOf(["both", "rows", "columns"])),
};

/** Factors of the mean over rows and of the mean over columns. */
function weights({ reduction, directions = "both" }: ContrastiveLossAttrs): [number, number] {
  const each = reduction === "mean" && directions === "both" ? 0.5 : 1;
  return [directions === "columns" ? 0 : each, directions === "rows" ? 0 : each];
}

function shape([a, b, group]: (TensorType | null)[]): TensorType[] {
  const rows = checkOperand("contrastive_loss", "a", a, ["N", "D"]);
  checkFilled("contrastive_loss", "a", rows);
  checkOperand("contrastive_loss", "b", b, rows.shape, [rows.dtype]);
  const [N] = rows.shape;
  if (group) checkOperand("contrastive_loss", "group", group, [N], ["i32"]);
  return [[1], [N], [N], [N], [N]].map((size) => ({ shape: size, dtype: "f32" }));
}

function logSumExp(values: number[]): number {
  const top = values.reduce((p, q) => Math.max(p, q), -Infinity);
  return top + Math.log(values.reduce((p, q) => p + Math.exp(q - top), 0));
}

function reference([a, b, group]: (Array64 | null)[], attrs: ContrastiveLossAttrs): Array64[] {
  const { scale } = attrs;
  const [ofRows, ofColumns] = weights(attrs);
  const [N, D] = a!.shape;
  const all = Array.from({ length: N }, (_, i) => i);
  const dot = (i: number, j: number) => {
    let sum = 0;
    for (let d = 0; d < D; d++) sum += a!.data[i * D + d] * b!.data[j * D + d];
    return scale * sum;
  };
  const s = all.map((i) => all.map((j) => dot(i, j)));
  const positives = (i: number) => (group ? all.filter((j) => group.data[j] === group.data[i]) : [i]);
  const rows = all.map((i) => logSumExp(s[i]));
  const columns = all.map((j) => logSumExp(all.map((i) => s[i][j])));
  const own = all.map((i) => logSumExp(positives(i).map((j) => s[i][j])));
  const ownColumns = all.map((i) => logSumExp(positives(i).map((j) => s[j][i])));
  let total = 0;
  for (const i of all) total += ofRows * (rows[i] - own[i]) + ofColumns * (columns[i] - ownColumns[i]);
  return [[total / N], rows, columns, own, ownColumns].map((list) => ({
    shape: [list.length],
    data: Float64Array.from(list),
  }));
}

/** Each output adds its gradient to the weights of the exponentials, which are the derivatives of the scores. */
function gradient(node: GradientNode<ContrastiveLossAttrs>, g: GradientBuilder): (Tensor | null)[] {
  const { inputs, outputs, attrs, outGrads } = node;
  const [a, b, group] = inputs;
  const [dLoss, ...given] = outGrads;
  const [N] = a!.shape;
  const [ofRows, ofColumns] = weights(attrs);
  const factors = [ofRows, ofColumns, -ofRows, -ofColumns].map((weight, i) => {
    const share = dLoss && weight !== 0 ? g.mul(g.fill([N], weight / N), dLoss) : null;
    const own = given[i] ?? null;
    return share && own ? g.add(share, own) : (share ?? own ?? g.fill([N], 0));
  });
  const [da, db] = applyOp(contrastiveGrad, [a, b, group ?? null, ...outputs.slice(1), ...factors], {
    scale: attrs.scale,
  });
  return [da, db, null];
}

/**
 * Symmetric InfoNCE over the dot products of a `[N, D]` and b `[N, D]` (VideoCLIP, arXiv 2109.14084, section 3.2).
 * Outputs: the loss `[1]`, and the log-sum-exps of every row, of every column, and of their positives, each `[N]`. The
 * positive of row i is row i of the other matrix. With `group` i32 `[N]` all rows of its group are positives, and the
 * numerator sums over them as in MIL-NCE (arXiv 1912.06430). The N x N scores are never stored, forward or backward.
 * Every output has a gradient.
 */
export const contrastiveLoss = defineOp<ContrastiveLossAttrs>({
  name: "contrastive_loss",
  operands: [{ name: "a" }, { name: "b" }, { name: "group" }],
  attributes: rules,
  shape,
  layout: layout({ scale: "float", rowWeight: "float", columnWeight: "float" }, (a) => {
    const [rowWeight, columnWeight] = weights(a);
    return { scale: a.scale, rowWeight, columnWeight };
  }),
  reference,
  gradient,
  notInOnnx: "a loss of training: what is exported is the encoders before it",
});
