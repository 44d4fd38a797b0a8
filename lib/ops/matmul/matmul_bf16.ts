import { roundBfloat16 } from "../../base/half_floats.js";
import { type Array64, defineOp } from "../../graph/tensor.js";
import { matmul, type MatmulAttrs } from "./matmul.js";

const rounded = (x: Array64): Array64 => ({ shape: x.shape, data: x.data.map(roundBfloat16) });

/** matmul of f32 operands that are rounded to bf16, with sums in f32. Operands and attributes as `matmul`. */
export const matmulBf16 = defineOp<MatmulAttrs>({
  name: "matmul_bf16",
  operands: matmul.operands,
  notOnGpu: "a GPU multiplies bf16 in matmul",
  shape: matmul.shape,
  layout: matmul.layout,
  reference: ([a, b], attrs) => matmul.reference([rounded(a!), rounded(b!)], attrs),
  notDifferentiable: "made by a pass of the CPU after differentiation",
  notInOnnx: "compile() makes it from a matmul",
});
