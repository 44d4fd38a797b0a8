import { conv3dAttrs } from "#lib/ops/conv/conv3d.js";
import { conv3dSums } from "#lib/ops/conv/conv3d_sums.js";
import { defineCases } from "../case_table.js";

const x = (...shape: number[]) => ({ shape, integer: 4 });

const w = (...shape: number[]) => ({ shape, integer: 3 });

defineCases(conv3dSums, [
  {
    name: "one position",
    inputs: [x(2, 1, 1, 1, 1), w(1, 1, 1, 1, 1)],
    attrs: conv3dAttrs({ outChannels: 1, kernel: [1, 1, 1] }),
  },
  {
    name: "1x3x3 odd",
    inputs: [x(2, 3, 7, 5, 13), w(37, 13, 1, 3, 3), w(37)],
    attrs: conv3dAttrs({ outChannels: 37, kernel: [1, 3, 3], low: [0, 1, 1], activation: "relu" }),
  },
  // clips that end in the middle of a tile of each width, with 64 rows and with 128
  ...[128, 96, 64, 24].flatMap((width) => [
    {
      name: `3x1x1 ${width} wide`,
      inputs: [x(2, 4, 5, 7, 16), w(width, 16, 3, 1, 1), w(width)],
      attrs: conv3dAttrs({ outChannels: width, kernel: [3, 1, 1], low: [1, 0, 0], activation: "relu" }),
    },
    {
      name: `pointwise ${width} wide`,
      inputs: [x(2, 2, 12, 13, 16), w(width, 16, 1, 1, 1), w(width)],
      attrs: conv3dAttrs({ outChannels: width, kernel: [1, 1, 1], activation: "relu" }),
    },
  ]),
  {
    name: "five outputs with scale",
    inputs: [x(2, 1, 9, 15, 16), w(68, 16, 1, 1, 1), w(68), null, w(2, 16)],
    attrs: conv3dAttrs({ outChannels: 68, kernel: [1, 1, 1], split: [8, 16, 24, 12, 8], activation: "relu" }),
  },
  {
    name: "grouped with residual",
    inputs: [x(2, 2, 6, 7, 16), w(16, 8, 1, 3, 3), w(16), x(2, 2, 6, 7, 16)],
    attrs: conv3dAttrs({ outChannels: 16, kernel: [1, 3, 3], low: [0, 1, 1], groups: 2 }),
  },
  // channels of X3D: accesses of 16, 4 and 2 bytes; bands of at most 8 lines
  ...[48, 54, 13].map((channels) => ({
    name: `depthwise of ${channels}`,
    inputs: [x(2, 3, 11, 7, channels), w(channels, 1, 3, 3, 3), w(channels), x(2, 3, 11, 7, channels)],
    attrs: conv3dAttrs({
      outChannels: channels,
      kernel: [3, 3, 3],
      low: [1, 1, 1],
      groups: channels,
      activation: "relu",
    }),
  })),
  {
    name: "depthwise swish, stride 2",
    inputs: [{ shape: [2, 2, 37, 13, 24] }, { shape: [24, 1, 3, 3, 3], scale: 0.4 }, { shape: [24] }],
    attrs: conv3dAttrs({
      outChannels: 24,
      kernel: [3, 3, 3],
      stride: [1, 2, 2],
      low: [1, 1, 1],
      groups: 24,
      activation: "swish",
    }),
  },
  {
    name: "depthwise of more channels than a block's",
    inputs: [x(1, 1, 3, 4, 2100), w(2100, 1, 1, 2, 1)],
    attrs: conv3dAttrs({ outChannels: 2100, kernel: [1, 2, 1], groups: 2100 }),
  },
  {
    name: "random",
    inputs: [{ shape: [3, 2, 9, 10, 24] }, { shape: [40, 24, 1, 1, 1], scale: 0.3 }, { shape: [40] }],
    attrs: conv3dAttrs({ outChannels: 40, kernel: [1, 1, 1], activation: "relu" }),
  },
]);
