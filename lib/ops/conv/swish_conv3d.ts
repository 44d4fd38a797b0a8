import { defineOp, shapeError } from "../../graph/tensor.js";
import { type Conv3dAttrs, conv3d, isPointwise } from "./conv3d.js";

/** Pointwise conv3d of swish(scale x) instead of scale x. Inputs x, weight, bias, residual, scale as `conv3d`. */
export const swishConv3d = defineOp<Conv3dAttrs>({
  name: "swish_conv3d",
  operands: conv3d.operands,
  notOnGpu: "a pass of the CPU makes it",
  packedOnCpu: conv3d.packedOnCpu!,
  shape: (inputs, a) => {
    if (!isPointwise(a)) throw shapeError("swish_conv3d", "a pointwise convolution", a.kernel);
    return conv3d.shape(inputs, a);
  },
  layout: conv3d.layout,
  notInOnnx: "compile() makes it from a conv3d",
  reference: ([input, weight, bias, residual, scale], a) => {
    const channels = input!.shape[4];
    const perClip = input!.data.length / input!.shape[0];
    const data = input!.data.map((v, i) => {
      const scaled = scale ? v * scale.data[Math.floor(i / perClip) * channels + (i % channels)] : v;
      return scaled / (1 + Math.exp(-scaled));
    });
    return conv3d.reference([{ shape: input!.shape, data }, weight, bias, residual, null], a);
  },
  notDifferentiable: "made by a pass of the CPU after differentiation",
});
