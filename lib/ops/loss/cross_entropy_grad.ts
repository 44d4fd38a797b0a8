import { type Array64, defineOp, sameShape, shapeError, type TensorType } from "../../graph/tensor.js";
import { requireF32 } from "../storage.js";
import { checkCrossEntropy, type CrossEntropyAttrs, crossEntropyLayout } from "./cross_entropy_attrs.js";

function shape(inputs: (TensorType | null)[]): TensorType[] {
  const [x, , , sums, dLoss] = inputs;
  const { shape: rows, dtype } = checkCrossEntropy("cross_entropy_grad", inputs);
  if (!sameShape(sums?.shape ?? [-1], rows)) {
    throw shapeError("cross_entropy_grad", `sums [${rows.join(", ")}]`, sums?.shape ?? "none");
  }
  requireF32("cross_entropy_grad", sums, dLoss);
  if (!sameShape(dLoss?.shape ?? [], [1])) throw shapeError("cross_entropy_grad", "dLoss [1]", dLoss?.shape ?? "none");
  return [{ shape: x!.shape, dtype }];
}

function reference([x, target, weight, sums, dLoss]: (Array64 | null)[], a: CrossEntropyAttrs): Array64[] {
  const C = x!.shape[x!.shape.length - 1];
  const w = (c: number) => (weight ? weight.data[c] : 1);
  const all = Array.from({ length: C }, (_, c) => w(c)).reduce((p, q) => p + q, 0);
  const count = target!.data.reduce((n, t) => n + (t === a.ignoreIndex ? 0 : w(t)), 0);
  const dx = new Float64Array(x!.data.length);
  target!.data.forEach((t, r) => {
    if (t === a.ignoreIndex) return;
    const own = (1 - a.smoothing) * w(t);
    for (let c = 0; c < C; c++) {
      const p = Math.exp(x!.data[r * C + c] - sums!.data[r]);
      const d = p * (own + (a.smoothing / C) * all) - (a.smoothing / C) * w(c) - (c === t ? own : 0);
      dx[r * C + c] = (dLoss!.data[0] / count) * d;
    }
  });
  return [{ shape: x!.shape, data: dx }];
}

/**
 * Gradient of {@link crossEntropy} with respect to the logits `[..., C]`, from its inputs, the log-sum-exp of the rows
 * and dLoss `[1]`.
 */
export const crossEntropyGrad = defineOp<CrossEntropyAttrs>({
  name: "cross_entropy_grad",
  operands: [
    { name: "x" },
    { name: "target" },
    { name: "weight", f32: true },
    { name: "log of sums", f32: true },
    { name: "dloss", f32: true },
  ],
  shape,
  layout: crossEntropyLayout,
  reference,
  notDifferentiable: "second derivatives are not supported",
  notInOnnx: "a gradient: exported graphs are of inference",
});
