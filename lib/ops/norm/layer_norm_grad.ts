import { layout } from "../../graph/attribute_layout.js";
import { type Array64, defineOp, sameShape, shapeError, type TensorType } from "../../graph/tensor.js";
import { storageType } from "../storage.js";

export interface LayerNormGradAttrs {
  eps: number;
  /** Whether to compute the gradients of weight and bias. */
  parameters: boolean;
}

function shape([x, weight, residual, dy]: (TensorType | null)[], a: LayerNormGradAttrs): TensorType[] {
  const dtype = storageType("layer_norm_grad", x, dy, ...(residual ? [residual] : []));
  for (const [name, tensor] of Object.entries({ residual, dy })) {
    if (tensor && !sameShape(tensor.shape, x!.shape)) {
      throw shapeError("layer_norm_grad", `${name} [${x!.shape.join(", ")}]`, tensor.shape);
    }
  }
  const C = x!.shape.slice(-1);
  if (weight && (!sameShape(weight.shape, C) || weight.dtype !== "f32")) {
    throw shapeError("layer_norm_grad", `f32 weight [${C[0]}]`, weight.shape);
  }
  const vector: TensorType = { shape: C, dtype: "f32" };
  return [{ shape: x!.shape, dtype }, ...(a.parameters ? [vector, vector] : [])];
}

function reference([x, weight, residual, dy]: (Array64 | null)[], a: LayerNormGradAttrs): Array64[] {
  const C = x!.shape[x!.shape.length - 1];
  const dx = new Float64Array(x!.data.length);
  const dWeight = new Float64Array(C);
  const dBias = new Float64Array(C);
  for (let first = 0; first < dx.length; first += C) {
    const u = x!.data.slice(first, first + C).map((v, c) => v + (residual ? residual.data[first + c] : 0));
    const mean = u.reduce((p, q) => p + q, 0) / C;
    const scale = 1 / Math.sqrt(u.reduce((p, q) => p + (q - mean) ** 2, 0) / C + a.eps);
    const normal = u.map((v) => (v - mean) * scale);
    const d = dy!.data.subarray(first, first + C);
    const g = d.map((v, c) => v * (weight ? weight.data[c] : 1));
    const meanG = g.reduce((p, q) => p + q, 0) / C;
    const meanGX = g.reduce((p, q, c) => p + q * normal[c], 0) / C;
    for (let c = 0; c < C; c++) {
      dx[first + c] = scale * (g[c] - meanG - normal[c] * meanGX);
      dWeight[c] += d[c] * normal[c];
      dBias[c] += d[c];
    }
  }
  const vectors = [dWeight, dBias].map((data) => ({ shape: [C], data }));
  return [{ shape: x!.shape, data: dx }, ...(a.parameters ? vectors : [])];
}

/**
 * Gradients of {@link layerNorm}: x `[..., C]`, optional weight `[C]` and residual (like x), dy like x, to dx like x
 * (also the gradient of the residual) and optionally dweight and dbias `[C]`. The statistics are computed again.
 */
export const layerNormGrad = defineOp<LayerNormGradAttrs>({
  name: "layer_norm_grad",
  operands: [{ name: "x" }, { name: "weight", f32: true }, { name: "residual" }, { name: "dy" }],
  shape,
  layout: layout({ eps: "float" }),
  reference,
  notDifferentiable: "second derivatives are not supported",
  notInOnnx: "a gradient: exported graphs are of inference",
});
