import { conv3dAttrs } from "#lib/ops/conv/conv3d.js";
import { type Conv3dBf16Attrs, conv3dBf16 } from "#lib/ops/conv/conv3d_bf16.js";
import { type CaseInput, defineCases } from "../case_table.js";

const x = (...shape: number[]): CaseInput => ({ shape });

defineCases<Conv3dBf16Attrs>(conv3dBf16, [
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
    name: "3x1x1 of large frames",
    inputs: [x(2, 5, 30, 37, 32), x(20, 32, 3, 1, 1), x(20)],
    attrs: conv3dAttrs({ outChannels: 20, kernel: [3, 1, 1], stride: [2, 1, 1], low: [1, 0, 0], high: [1, 0, 0] }),
  },
  {
    name: "pointwise with residual, gelu",
    inputs: [x(2, 3, 5, 7, 40), x(50, 40, 1, 1, 1), x(50), x(2, 3, 5, 7, 50)],
    attrs: conv3dAttrs({ outChannels: 50, kernel: [1, 1, 1], activation: "gelu" }),
  },
  {
    name: "pointwise with stride, odd channels",
    inputs: [x(2, 3, 5, 7, 13), x(9, 13, 1, 1, 1), x(9)],
    attrs: conv3dAttrs({ outChannels: 9, kernel: [1, 1, 1], stride: [1, 2, 2] }),
  },
  {
    name: "odd channels with scale",
    inputs: [x(3, 2, 3, 5, 21), x(40, 21, 1, 1, 1), x(40), null, x(3, 21)],
    attrs: conv3dAttrs({ outChannels: 40, kernel: [1, 1, 1] }),
  },
  {
    name: "f32 outputs with residual",
    inputs: [x(2, 3, 5, 7, 20), x(37, 20, 1, 3, 3), x(37), { shape: [2, 3, 5, 7, 37], dtype: "f32" }],
    attrs: {
      ...conv3dAttrs({ outChannels: 37, kernel: [1, 3, 3], low: [0, 1, 1], activation: "swish" }),
      output: "f32",
    },
  },
  {
    name: "f32 outputs, pointwise",
    inputs: [x(2, 3, 5, 7, 64), x(37, 64, 1, 1, 1), x(37)],
    attrs: { ...conv3dAttrs({ outChannels: 37, kernel: [1, 1, 1] }), output: "f32" },
  },
  {
    name: "many channels that do not fill the pairs",
    inputs: [x(1, 1, 1, 3, 4099), x(5, 4099, 1, 1, 1), x(5)],
    attrs: conv3dAttrs({ outChannels: 5, kernel: [1, 1, 1] }),
  },
  {
    name: "split with scale",
    inputs: [x(3, 2, 3, 5, 20), x(83, 20, 1, 1, 1), x(83), null, x(3, 20)],
    attrs: conv3dAttrs({ outChannels: 83, kernel: [1, 1, 1], split: [48, 16, 19], activation: "relu" }),
  },
]);
