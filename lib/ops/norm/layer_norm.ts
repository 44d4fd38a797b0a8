import { layout } from "../../graph/attribute_layout.js";
import type { OnnxEmitter, OnnxNode } from "../../graph/onnx_emitter.js";
import { checkOperand } from "../../graph/operands.js";
import { number } from "../../graph/rules.js";
import { type Array64, defineOp, type GradientNode, type Tensor, type TensorType } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { layerNormGrad } from "./layer_norm_grad.js";

export interface LayerNormAttrs {
  /** Added to the variance. BERT's is 1e-12, PyTorch's default 1e-5. */
  eps: number;
}

function shape([x, weight, bias, residual]: (TensorType | null)[]): TensorType[] {
  const { shape: size, dtype } = checkOperand("layer_norm", "x", x, ["...", "C"]);
  for (const [name, vector] of Object.entries({ weight, bias }))
    if (vector) checkOperand("layer_norm", name, vector, size.slice(-1), ["f32"]);
  if (residual) checkOperand("layer_norm", "residual", residual, size, [dtype]);
  return [{ shape: size, dtype }];
}

function reference([x, weight, bias, residual]: (Array64 | null)[], { eps }: LayerNormAttrs): Array64[] {
  const C = x!.shape[x!.shape.length - 1];
  const data = x!.data.map((v, i) => v + (residual ? residual.data[i] : 0));
  for (let r = 0; r < data.length; r += C) {
    const row = data.subarray(r, r + C);
    const mean = row.reduce((p, q) => p + q, 0) / C;
    const variance = row.reduce((p, q) => p + (q - mean) ** 2, 0) / C;
    row.forEach((v, c) => {
      row[c] = ((v - mean) / Math.sqrt(variance + eps)) * (weight ? weight.data[c] : 1) + (bias ? bias.data[c] : 0);
    });
  }
  return [{ shape: x!.shape, data }];
}

function gradient({ inputs, attrs, outGrads: [dy], needs }: GradientNode<LayerNormAttrs>): (Tensor | null)[] {
  const [x, weight, , residual] = inputs;
  const parameters = needs[1] || needs[2];
  const [dx, dWeight, dBias] = applyOp(layerNormGrad, [x, weight, residual, dy], { eps: attrs.eps, parameters });
  return [dx, dWeight ?? null, dBias ?? null, dx];
}

function toOnnx({ inputs, outputs: [y], attrs }: OnnxNode<LayerNormAttrs>, emit: OnnxEmitter): void {
  const [x, weight, bias, residual] = inputs;
  const C = x!.shape[x!.shape.length - 1];
  let name = emit.arranged(x!);
  if (residual) name = emit.node("Add", [name, emit.arranged(residual)]);
  // ONNX requires a weight
  const scale = weight ? emit.arranged(weight) : emit.floats(new Array<number>(C).fill(1), [C]);
  name = emit.node("LayerNormalization", [name, scale, bias ? emit.arranged(bias) : null], {
    axis: -1,
    epsilon: { float: attrs.eps },
  });
  emit.set(y, name);
}

/**
 * Layer normalisation over the last axis (Ba et al. 2016, arXiv 1607.06450), of x + residual where a residual is given:
 * x `[..., C]`, optional weight `[C]`, bias `[C]` and residual (like x) to y like x. The variance is that of the
 * population, as in PyTorch and ONNX.
 */
export const layerNorm = defineOp<LayerNormAttrs>({
  name: "layer_norm",
  bf16OnCpu: () => true,
  operands: [
    { name: "x", strided: true, batched: true },
    { name: "weight", f32: true },
    { name: "bias", f32: true },
    { name: "residual", strided: true, batched: true },
  ],
  attributes: { eps: number(0) },
  shape,
  layout: layout({ eps: "float" }),
  reference,
  gradient,
  toOnnx,
});
