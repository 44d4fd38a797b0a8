import { roundBfloat16 } from "../../base/half_floats.js";
import { checkOperand } from "../../graph/operands.js";
import { defineOp } from "../../graph/tensor.js";

/**
 * Two parts of f32 values as bf16, whose sum is within 2^-17 of the value: x `[..., C]` to `[..., 3 C]`, the rounded
 * values, the rounded rests, and the rounded values again. The product with weights in the order rounded, rounded, rests
 * is that of f32 without the products of two rests.
 */
export const splitBf16 = defineOp<Record<string, never>>({
  name: "split_bf16",
  operands: [{ name: "x", batched: true }],
  storage: "f32",
  notOnGpu: "the products of the CPU's matrix unit",
  shape: ([given]) => {
    const { shape } = checkOperand("split_bf16", "x", given, ["...", "C"], ["f32"]);
    return [{ shape: [...shape.slice(0, -1), 3 * shape[shape.length - 1]], dtype: "bf16" }];
  },
  reference: ([x]) => {
    const C = x!.shape[x!.shape.length - 1];
    const data = new Float64Array(3 * x!.data.length);
    x!.data.forEach((v, i) => {
      const at = Math.floor(i / C) * 3 * C + (i % C);
      const high = roundBfloat16(v);
      data[at] = data[at + 2 * C] = high;
      data[at + C] = roundBfloat16(v - high);
    });
    return [{ shape: [...x!.shape.slice(0, -1), 3 * C], data }];
  },
  notInOnnx: "compile() makes it from an operand of a product",
  notDifferentiable: "made by a pass of the CPU after differentiation",
});
