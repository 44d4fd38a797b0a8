import { roundBfloat16 } from "../../half_floats.js";
import { type Array64, type CaseInput, defineOp, packing, shapeError } from "../tensor.js";
import { type Conv3dAttrs, conv3d, conv3dAttrs } from "./conv3d.js";
import { packConvWeightBf16 } from "./pack_conv_weight_bf16.js";

const rounded = (x: Array64): Array64 => ({ shape: x.shape, data: x.data.map(roundBfloat16) });

const x = (...shape: number[]): CaseInput => ({ shape });

/** conv3d of one group whose input (after scale) and weight are rounded to bf16 and summed in f32: inputs as `conv3d`. */
export const conv3dBf16 = defineOp<Conv3dAttrs>({
  name: "conv3d_bf16",
  operands: conv3d.operands,
  notOnGpu: "a GPU multiplies bf16 in conv3d",
  packedOnCpu: ({ split }, panelWidth) => [packing(1, packConvWeightBf16, { split, panelWidth })],
  shape: (inputs, a) => {
    if (a.groups !== 1) throw shapeError("conv3d_bf16", "one group", [a.groups]);
    return conv3d.shape(inputs, a);
  },
  encode: conv3d.encode,
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
  cases: [
    {
      name: "1x3x3 odd",
      inputs: [x(2, 3, 7, 5, 33), x(37, 33, 1, 3, 3), x(37), x(2, 3, 7, 5, 37)],
      attrs: conv3dAttrs({ outChannels: 37, kernel: [1, 3, 3], low: [0, 1, 1], activation: "relu" }),
    },
    {
      name: "1x7x7 of few channels",
      inputs: [x(1, 2, 13, 17, 3), x(64, 3, 1, 7, 7)],
      attrs: conv3dAttrs({ outChannels: 64, kernel: [1, 7, 7], stride: [1, 2, 2], low: [0, 3, 3] }),
    },
    {
      name: "1x3x3 swish",
      inputs: [x(1, 2, 5, 7, 20), x(37, 20, 1, 3, 3), x(37)],
      attrs: conv3dAttrs({ outChannels: 37, kernel: [1, 3, 3], low: [0, 1, 1], activation: "swish" }),
    },
    {
      name: "3x1x1",
      inputs: [x(1, 4, 3, 5, 48), x(48, 48, 3, 1, 1)],
      attrs: conv3dAttrs({ outChannels: 48, kernel: [3, 1, 1], low: [1, 0, 0] }),
    },
    {
      name: "split with scale",
      inputs: [x(3, 2, 3, 5, 20), x(83, 20, 1, 1, 1), x(83), null, x(3, 20)],
      attrs: conv3dAttrs({ outChannels: 83, kernel: [1, 1, 1], split: [48, 16, 19], activation: "relu" }),
    },
  ],
});
