import { type Attributes, integer, number } from "../../graph/rules.js";
import { type Array64, defineOp, type GradientNode } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { checkCrossEntropy, type CrossEntropyAttrs, crossEntropyLayout } from "./cross_entropy_attrs.js";
import { crossEntropyGrad } from "./cross_entropy_grad.js";

const rules: Attributes<CrossEntropyAttrs> = { ignoreIndex: integer(), smoothing: number(0, 1) };

function reference([x, target, weight]: (Array64 | null)[], a: CrossEntropyAttrs): Array64[] {
  const C = x!.shape[x!.shape.length - 1];
  const w = (c: number) => (weight ? weight.data[c] : 1);
  const sums = new Float64Array(target!.data.length);
  let [total, count] = [0, 0];
  target!.data.forEach((t, r) => {
    const row = x!.data.subarray(r * C, (r + 1) * C);
    const top = row.reduce((p, q) => Math.max(p, q), -Infinity);
    sums[r] = top + Math.log(row.reduce((p, q) => p + Math.exp(q - top), 0));
    if (t === a.ignoreIndex) return;
    total += (1 - a.smoothing) * w(t) * (sums[r] - row[t]);
    if (a.smoothing > 0) row.forEach((v, c) => (total += (a.smoothing / C) * w(c) * (sums[r] - v)));
    count += w(t);
  });
  return [
    { shape: [1], data: Float64Array.of(count === 0 ? 0 : total / count) },
    { shape: target!.shape, data: sums },
  ];
}

function gradient(node: GradientNode<CrossEntropyAttrs>) {
  const [x, target, weight] = node.inputs;
  return [applyOp(crossEntropyGrad, [x, target, weight ?? null, node.outputs[1], node.outGrads[0]], node.attrs)[0]];
}

/**
 * Cross-entropy of logits `[..., C]` with classes i32 `[...]`, the mean over the rows whose target is not
 * `ignoreIndex` (PyTorch's `cross_entropy`; optional weight `[C]` of the classes, by which the mean is weighted too; 0
 * where all rows are ignored). Outputs the loss `[1]` and, for the backward pass, the log-sum-exp of every row.
 */
export const crossEntropy = defineOp<CrossEntropyAttrs>({
  name: "cross_entropy",
  operands: [{ name: "x" }, { name: "target" }, { name: "weight", f32: true }],
  attributes: rules,
  differentiated: { inputs: [0], outputs: [0] },
  shape: (inputs) => {
    const { shape } = checkCrossEntropy("cross_entropy", inputs);
    return [
      { shape: [1], dtype: "f32" },
      { shape, dtype: "f32" },
    ];
  },
  layout: crossEntropyLayout,
  reference,
  gradient,
  notInOnnx: "a loss of training: what is exported is the model before it",
});
