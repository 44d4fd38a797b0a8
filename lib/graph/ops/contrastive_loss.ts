import { type Array64, defineOp, isFloat, sameShape, shapeError, type TensorType } from "../tensor.js";

export interface ContrastiveLossAttrs {
  /** Multiplies the dot products: 1 / temperature. VideoCLIP takes raw dot products: 1. */
  scale: number;
  /** How the two directions' means are joined: VideoCLIP adds them, CLIP takes their mean. */
  reduction: "sum" | "mean";
}

function shape([a, b, group]: (TensorType | null)[]): TensorType[] {
  if (a?.shape.length !== 2 || !isFloat(a.dtype) || a.shape[0] < 1 || a.shape[1] < 1) {
    throw shapeError("contrastive_loss", "f32, bf16 or f16 a [N, D], neither of them 0", a?.shape ?? "none");
  }
  if (!b || !sameShape(b.shape, a.shape) || b.dtype !== a.dtype) {
    throw shapeError("contrastive_loss", `${a.dtype} b [${a.shape.join(", ")}]`, b?.shape ?? "none");
  }
  const [N] = a.shape;
  if (group && (!sameShape(group.shape, [N]) || group.dtype !== "i32")) {
    throw shapeError("contrastive_loss", `i32 group [${N}]`, group.shape);
  }
  return [[1], [N], [N]].map((size) => ({ shape: size, dtype: "f32" }));
}

function logSumExp(values: number[]): number {
  const top = values.reduce((p, q) => Math.max(p, q), -Infinity);
  return top + Math.log(values.reduce((p, q) => p + Math.exp(q - top), 0));
}

function reference([a, b, group]: (Array64 | null)[], { scale, reduction }: ContrastiveLossAttrs): Array64[] {
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
  let total = 0;
  for (const i of all) {
    const row = logSumExp(positives(i).map((j) => s[i][j]));
    const column = logSumExp(positives(i).map((j) => s[j][i]));
    total += rows[i] - row + (columns[i] - column);
  }
  const loss = (total / N) * (reduction === "mean" ? 0.5 : 1);
  return [[loss], rows, columns].map((list) => ({ shape: [list.length], data: Float64Array.from(list) }));
}

const x = (N: number, D: number, scale = 1) => ({ shape: [N, D], scale });
const group = (N: number, integer: number) => ({ shape: [N], dtype: "i32" as const, integer });
const attrs = (scale = 1, reduction: ContrastiveLossAttrs["reduction"] = "sum") => ({ scale, reduction });

/**
 * Symmetric InfoNCE over the dot products of a `[N, D]` and b `[N, D]` (VideoCLIP, arXiv 2109.14084, section 3.2): outputs
 * the loss `[1]` and, for the backward pass, the log-sum-exp of every row and of every column `[N]`. Row i's positive is
 * row i of the other side; with `group` i32 `[N]` all rows of its group are, and the numerator sums over them as in MIL-NCE
 * (arXiv 1912.06430). The N x N scores are never stored.
 */
export const contrastiveLoss = defineOp<ContrastiveLossAttrs>({
  name: "contrastive_loss",
  operands: 3,
  shape,
  encode: (a) => [a.scale, a.reduction === "mean" ? 0.5 : 1],
  reference,
  notInOnnx: "a loss of training: what is exported is the encoders before it",
  cases: [
    { name: "one", inputs: [x(1, 1), x(1, 1)], attrs: attrs() },
    { name: "odd", inputs: [x(7, 5), x(7, 5)], attrs: attrs(3, "mean") },
    { name: "prime", inputs: [x(131, 37), x(131, 37)], attrs: attrs() },
    { name: "many tiles", inputs: [x(401, 64), x(401, 64)], attrs: attrs(2) },
    { name: "far apart", inputs: [x(150, 96, 8), x(150, 96, 8)], attrs: attrs(1, "mean") },
    { name: "no difference", inputs: [x(45, 3, 0), x(45, 3)], attrs: attrs() },
    { name: "groups", inputs: [x(150, 24), x(150, 24), group(150, 31)], attrs: attrs() },
    { name: "groups far apart", inputs: [x(61, 50, 7), x(61, 50, 7), group(61, 9)], attrs: attrs(1, "mean") },
  ],
});
