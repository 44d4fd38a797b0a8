import { type CaseInput, defineOp, shapeError } from "../tensor.js";
import { type Conv3dAttrs, conv3d, conv3dAttrs, isPointwise } from "./conv3d.js";

const x = (...shape: number[]): CaseInput => ({ shape });

/** conv3d of swish(scale x) in place of scale x, pointwise: inputs x, weight, bias, residual, scale as `conv3d`. */
export const swishConv3d = defineOp<Conv3dAttrs>({
  name: "swish_conv3d",
  operands: conv3d.operands,
  notOnGpu: "a pass of the CPU makes it",
  packedOnCpu: conv3d.packedOnCpu!,
  shape: (inputs, a) => {
    if (!isPointwise(a)) throw shapeError("swish_conv3d", "a pointwise convolution", a.kernel);
    return conv3d.shape(inputs, a);
  },
  encode: conv3d.encode,
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
  cases: [
    {
      name: "one position",
      inputs: [x(1, 1, 1, 1, 5), x(9, 5, 1, 1, 1)],
      attrs: conv3dAttrs({ outChannels: 9, kernel: [1, 1, 1] }),
    },
    {
      name: "squeeze-and-excitation",
      inputs: [x(3, 2, 5, 7, 54), x(24, 54, 1, 1, 1), x(24), x(3, 2, 5, 7, 24), x(3, 54)],
      attrs: conv3dAttrs({ outChannels: 24, kernel: [1, 1, 1], activation: "relu" }),
    },
    {
      name: "between two activations",
      inputs: [x(1, 2, 3, 5, 20), x(13, 20, 1, 1, 1), x(13)],
      attrs: conv3dAttrs({ outChannels: 13, kernel: [1, 1, 1], activation: "tanh" }),
    },
    {
      name: "many blocks, several outputs",
      inputs: [{ shape: [2, 3, 20, 20, 17], scale: 20 }, x(71, 17, 1, 1, 1), x(71)],
      attrs: conv3dAttrs({ outChannels: 71, kernel: [1, 1, 1], split: [40, 31] }),
    },
  ],
});
