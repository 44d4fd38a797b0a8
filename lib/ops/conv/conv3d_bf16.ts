import { roundBfloat16 } from "../../base/half_floats.js";
import { type Array64, defineOp, packing, shapeError } from "../../graph/tensor.js";
import { checkOperand } from "../../graph/operands.js";
import { type Conv3dAttrs, conv3d } from "./conv3d.js";
import { packConvWeightBf16 } from "./pack_conv_weight_bf16.js";

const rounded = (x: Array64): Array64 => ({ shape: x.shape, data: x.data.map(roundBfloat16) });

export interface Conv3dBf16Attrs extends Conv3dAttrs {
  /** The type of the outputs and of the residual. Default: that of x. */
  output?: "f32" | undefined;
}

/**
 * conv3d of one group whose values are bf16, also its weight, and whose sums are f32. A scaled input is rounded to
 * bf16. Inputs as `conv3d`.
 */
export const conv3dBf16 = defineOp<Conv3dBf16Attrs>({
  name: "conv3d_bf16",
  bf16OnCpu: () => true,
  operands: conv3d.operands,
  notOnGpu: "a GPU multiplies bf16 in conv3d",
  packedOnCpu: ({ split }, { panelWidth, tileDepth }) => [
    packing(1, packConvWeightBf16, { split, panelWidth, tileDepth }),
  ],
  shape: (inputs, a) => {
    if (a.groups !== 1) throw shapeError("conv3d_bf16", "one group", [a.groups]);
    if (!a.output) return conv3d.shape(inputs, a);
    const [x, weight, bias, residual, scale] = inputs;
    const outputs = conv3d.shape([x, weight, bias ?? null, null, scale ?? null], a);
    if (residual) checkOperand("conv3d_bf16", "residual", residual, outputs[0].shape, [a.output]);
    return outputs.map(({ shape }) => ({ shape, dtype: "f32" }));
  },
  layout: conv3d.layout,
  notInOnnx: "compile() makes it from a conv3d",
  reference: ([input, weight, bias, residual, scale], a) => {
    const channels = input!.shape[4];
    const perClip = input!.data.length / input!.shape[0];
    const scaled = input!.data.map((v, i) =>
      scale ? Math.fround(v * scale.data[Math.floor(i / perClip) * channels + (i % channels)]) : v,
    );
    const inputs = [rounded({ shape: input!.shape, data: scaled }), rounded(weight!), bias ?? null, residual ?? null];
    return conv3d.reference(inputs, a);
  },
  notDifferentiable: "made by a pass of the CPU after differentiation",
});
