import { conv3d } from "#lib/ops/conv/conv3d.js";
import { type Conv3dAttrs, conv3dAttrs } from "#lib/ops/conv/conv3d_attrs.js";
import { unaryKinds } from "#lib/ops/elementwise/unary_kinds.js";
import { defineCases } from "../case_table.js";

const x = (...shape: number[]) => ({ shape, integer: 4 });
const w = (...shape: number[]) => ({ shape, integer: 3 });

defineCases<Conv3dAttrs>(conv3d, [
  {
    name: "one position",
    inputs: [x(1, 1, 1, 1, 1), w(1, 1, 1, 1, 1)],
    attrs: conv3dAttrs({ outChannels: 1, kernel: [1, 1, 1] }),
  },
  {
    name: "1x3x3 odd",
    inputs: [x(2, 3, 7, 5, 13), w(37, 13, 1, 3, 3), w(37)],
    attrs: conv3dAttrs({ outChannels: 37, kernel: [1, 3, 3], low: [0, 1, 1], activation: "relu" }),
  },
  {
    name: "3x1x1 stride 2",
    inputs: [x(1, 5, 4, 3, 24), w(16, 24, 3, 1, 1)],
    attrs: conv3dAttrs({ outChannels: 16, kernel: [3, 1, 1], stride: [2, 1, 1], low: [1, 0, 0] }),
  },
  {
    name: "2x4x4 asymmetric",
    inputs: [x(1, 3, 6, 5, 24), w(64, 24, 2, 4, 4)],
    attrs: conv3dAttrs({ outChannels: 64, kernel: [2, 4, 4], low: [0, 1, 1], high: [1, 2, 2] }),
  },
  {
    name: "3x3x3 residual",
    inputs: [x(1, 2, 3, 3, 8), w(33, 8, 3, 3, 3), w(33), x(1, 2, 3, 3, 33)],
    attrs: conv3dAttrs({ outChannels: 33, kernel: [3, 3, 3], low: [1, 1, 1], activation: "relu" }),
  },
  {
    name: "split with scale",
    inputs: [x(3, 2, 3, 5, 20), w(83, 20, 1, 1, 1), w(83), null, w(3, 20)],
    attrs: conv3dAttrs({ outChannels: 83, kernel: [1, 1, 1], split: [48, 16, 19], activation: "relu" }),
  },
  {
    name: "grouped",
    inputs: [x(2, 2, 4, 4, 12), w(20, 3, 1, 3, 3), w(20)],
    attrs: conv3dAttrs({ outChannels: 20, kernel: [1, 3, 3], low: [0, 1, 1], groups: 4 }),
  },
  {
    name: "depthwise stride 2",
    inputs: [x(2, 3, 5, 7, 70), w(70, 1, 3, 3, 3), w(70)],
    attrs: conv3dAttrs({ outChannels: 70, kernel: [3, 3, 3], stride: [1, 2, 2], low: [1, 1, 1], groups: 70 }),
  },
  {
    name: "depthwise sliding",
    inputs: [x(2, 3, 4, 16, 54), w(54, 1, 3, 3, 3), w(54), x(2, 3, 4, 16, 54)],
    attrs: conv3dAttrs({ outChannels: 54, kernel: [3, 3, 3], low: [1, 1, 1], groups: 54, activation: "relu" }),
  },
  {
    name: "depthwise swish",
    inputs: [{ shape: [2, 3, 6, 9, 54] }, { shape: [54, 1, 3, 3, 3] }, { shape: [54] }],
    attrs: conv3dAttrs({ outChannels: 54, kernel: [3, 3, 3], low: [1, 1, 1], groups: 54, activation: "swish" }),
  },
  {
    name: "depthwise swish, stride 2, odd channels",
    inputs: [{ shape: [1, 2, 7, 10, 13] }, { shape: [13, 1, 1, 3, 3] }, { shape: [13] }, { shape: [1, 2, 4, 5, 13] }],
    attrs: conv3dAttrs({
      outChannels: 13,
      kernel: [1, 3, 3],
      stride: [1, 2, 2],
      low: [0, 1, 1],
      groups: 13,
      activation: "swish",
    }),
  },
  {
    name: "depthwise swish of any window",
    inputs: [{ shape: [1, 3, 4, 5, 20] }, { shape: [20, 1, 1, 1, 5] }, { shape: [20] }],
    attrs: conv3dAttrs({
      outChannels: 20,
      kernel: [1, 1, 5],
      low: [0, 0, 2],
      groups: 20,
      activation: "swish",
    }),
  },
  // the branches of the CPU kernels that store results separately, and narrow and wide accesses of the CUDA kernels
  ...unaryKinds.flatMap((activation) => [
    {
      name: `${activation} of a pointwise convolution`,
      inputs: [{ shape: [2, 1, 3, 5, 16] }, { shape: [38, 16, 1, 1, 1], scale: 0.4 }, { shape: [38] }],
      attrs: conv3dAttrs({ outChannels: 38, kernel: [1, 1, 1], split: [32, 6], activation }),
    },
    {
      name: `${activation} of 1x3x3 with residual`,
      inputs: [
        { shape: [1, 2, 3, 5, 5] },
        { shape: [17, 5, 1, 3, 3], scale: 0.3 },
        { shape: [17] },
        { shape: [1, 2, 3, 5, 17] },
      ],
      attrs: conv3dAttrs({ outChannels: 17, kernel: [1, 3, 3], low: [0, 1, 1], activation }),
    },
    {
      name: `${activation} of a depthwise convolution along frames`,
      inputs: [{ shape: [2, 5, 1, 3, 10] }, { shape: [10, 1, 3, 1, 1] }, { shape: [10] }],
      attrs: conv3dAttrs({ outChannels: 10, kernel: [3, 1, 1], low: [1, 0, 0], groups: 10, activation }),
    },
  ]),
  {
    name: "gelu of a depthwise convolution",
    inputs: [{ shape: [2, 2, 5, 9, 22] }, { shape: [22, 1, 3, 3, 3], scale: 0.4 }, { shape: [22] }],
    attrs: conv3dAttrs({ outChannels: 22, kernel: [3, 3, 3], low: [1, 1, 1], groups: 22, activation: "gelu" }),
  },
  {
    name: "depthwise unpadded sliding, wide stride",
    inputs: [x(1, 4, 6, 19, 40), w(40, 1, 2, 2, 3), w(40)],
    attrs: conv3dAttrs({ outChannels: 40, kernel: [2, 2, 3], stride: [2, 1, 2], groups: 40 }),
  },
  {
    name: "depthwise of one column",
    inputs: [x(2, 2, 3, 1, 24), w(24, 1, 3, 3, 3), w(24)],
    attrs: conv3dAttrs({ outChannels: 24, kernel: [3, 3, 3], low: [1, 1, 1], groups: 24 }),
  },
  {
    name: "depthwise 5x1x1",
    inputs: [x(1, 6, 3, 9, 24), w(24, 1, 5, 1, 1)],
    attrs: conv3dAttrs({ outChannels: 24, kernel: [5, 1, 1], low: [2, 0, 0], groups: 24 }),
  },
  {
    name: "depthwise 3x1x1",
    inputs: [x(2, 9, 2, 7, 40), w(40, 1, 3, 1, 1), w(40)],
    attrs: conv3dAttrs({ outChannels: 40, kernel: [3, 1, 1], low: [1, 0, 0], groups: 40, activation: "relu" }),
  },
  {
    name: "depthwise 5x1x1 past the caches",
    inputs: [x(1, 6, 64, 116, 48), w(48, 1, 5, 1, 1), w(48)],
    attrs: conv3dAttrs({ outChannels: 48, kernel: [5, 1, 1], low: [1, 0, 0], high: [3, 0, 0], groups: 48 }),
  },
  {
    name: "depthwise 3x3x3 past the caches",
    inputs: [x(1, 3, 100, 131, 54), w(54, 1, 3, 3, 3)],
    attrs: conv3dAttrs({ outChannels: 54, kernel: [3, 3, 3], low: [1, 1, 1], groups: 54 }),
  },
  // lines that are multiples of 16, 8, 4 and 2 bytes; tiles that end in a line, in a frame and after 4 frames
  ...[16, 36, 14, 9].map((size) => ({
    name: `stem of ${size} columns`,
    inputs: [x(2, 2, 2 * size + 3, size, 3), w(45, 3, 1, 3, 3), w(45)],
    attrs: conv3dAttrs({ outChannels: 45, kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], activation: "relu" }),
  })),
  {
    name: "1x7x7 stem",
    inputs: [x(2, 3, 33, 40, 3), w(70, 3, 1, 7, 7), w(70)],
    attrs: conv3dAttrs({ outChannels: 70, kernel: [1, 7, 7], stride: [2, 2, 2], low: [0, 3, 3], activation: "relu" }),
  },
  {
    name: "1x7x7 stem of even padding, with residual",
    inputs: [x(1, 2, 20, 24, 3), w(24, 3, 1, 7, 7), null, x(1, 2, 8, 11, 24)],
    attrs: conv3dAttrs({
      outChannels: 24,
      kernel: [1, 7, 7],
      stride: [1, 2, 2],
      low: [0, 0, 2],
      high: [0, 1, 1],
    }),
  },
  {
    name: "many tiles",
    inputs: [x(2, 2, 9, 11, 3), w(45, 3, 1, 7, 7)],
    attrs: conv3dAttrs({ outChannels: 45, kernel: [1, 7, 7], stride: [1, 2, 2], low: [0, 3, 3] }),
  },
  // one or more tiles of every width of the CUDA kernels, with more than 256 positions per clip
  ...[128, 96, 64, 24].flatMap((width) => [
    {
      name: `pointwise ${width} wide`,
      inputs: [x(1, 2, 12, 13, 40), w(width, 40, 1, 1, 1), w(width), x(1, 2, 12, 13, width)],
      attrs: conv3dAttrs({ outChannels: width, kernel: [1, 1, 1], activation: "relu" }),
    },
    {
      name: `1x3x3 ${width} wide`,
      inputs: [x(1, 2, 12, 13, 8), w(width, 8, 1, 3, 3), w(width)],
      attrs: conv3dAttrs({ outChannels: width, kernel: [1, 3, 3], low: [0, 1, 1], activation: "relu" }),
    },
  ]),
  {
    name: "merged pointwise with scale",
    inputs: [x(2, 2, 11, 12, 136), w(176, 136, 1, 1, 1), w(176), null, w(2, 136)],
    attrs: conv3dAttrs({ outChannels: 176, kernel: [1, 1, 1], split: [64, 96, 16], activation: "relu" }),
  },
  {
    name: "random pointwise with scale",
    inputs: [
      { shape: [2, 1, 5, 7, 72] },
      { shape: [40, 72, 1, 1, 1], scale: 0.2 },
      { shape: [40] },
      null,
      { shape: [2, 72] },
    ],
    attrs: conv3dAttrs({ outChannels: 40, kernel: [1, 1, 1] }),
  },
  {
    name: "five outputs",
    inputs: [x(2, 1, 3, 5, 16), w(60, 16, 1, 1, 1), w(60)],
    attrs: conv3dAttrs({ outChannels: 60, kernel: [1, 1, 1], split: [8, 16, 8, 12, 16] }),
  },
  {
    name: "pairs of channels",
    inputs: [x(2, 2, 3, 5, 54), w(30, 54, 1, 1, 1), w(30), x(2, 2, 3, 5, 30)],
    attrs: conv3dAttrs({ outChannels: 30, kernel: [1, 1, 1] }),
  },
  {
    name: "odd channels with scale",
    inputs: [x(2, 2, 3, 5, 13), w(17, 13, 1, 1, 1), null, null, w(2, 13)],
    attrs: conv3dAttrs({ outChannels: 17, kernel: [1, 1, 1] }),
  },
  {
    name: "pointwise of few and of half a vector's columns",
    inputs: [x(1, 1, 1, 3, 70), w(71, 70, 1, 1, 1), w(71)],
    attrs: conv3dAttrs({ outChannels: 71, kernel: [1, 1, 1], split: [8, 5, 24, 20, 14], activation: "relu" }),
  },
  {
    name: "pointwise of half a vector with residual, strided",
    inputs: [x(2, 3, 5, 7, 26), w(56, 26, 1, 1, 1), w(56), x(2, 2, 3, 4, 56)],
    attrs: conv3dAttrs({ outChannels: 56, kernel: [1, 1, 1], stride: [2, 2, 2], activation: "relu" }),
  },
  {
    name: "1x1x1 stride 2",
    inputs: [x(2, 3, 5, 7, 24), w(48, 24, 1, 1, 1), w(48)],
    attrs: conv3dAttrs({ outChannels: 48, kernel: [1, 1, 1], stride: [1, 2, 2] }),
  },
  {
    name: "two groups of whole vectors",
    inputs: [x(1, 2, 4, 5, 32), w(48, 16, 1, 3, 3), w(48), x(1, 2, 4, 5, 48)],
    attrs: conv3dAttrs({ outChannels: 48, kernel: [1, 3, 3], low: [0, 1, 1], groups: 2 }),
  },
  {
    name: "depthwise 3x3x3 in vectors",
    inputs: [x(2, 3, 4, 9, 48), w(48, 1, 3, 3, 3), w(48), x(2, 3, 4, 9, 48)],
    attrs: conv3dAttrs({ outChannels: 48, kernel: [3, 3, 3], low: [1, 1, 1], groups: 48, activation: "relu" }),
  },
  {
    name: "depthwise 3x3x3 stride 2 in vectors",
    inputs: [x(1, 2, 5, 9, 24), w(24, 1, 3, 3, 3), w(24)],
    attrs: conv3dAttrs({ outChannels: 24, kernel: [3, 3, 3], stride: [1, 2, 2], low: [1, 1, 1], groups: 24 }),
  },
  {
    name: "depthwise 1x4x4 stride 3, odd",
    inputs: [x(1, 2, 9, 8, 13), w(13, 1, 1, 4, 4), w(13)],
    attrs: conv3dAttrs({ outChannels: 13, kernel: [1, 4, 4], stride: [1, 3, 3], low: [0, 2, 2], groups: 13 }),
  },
  {
    name: "depthwise of more channels than a block's weights",
    inputs: [x(1, 1, 3, 4, 1800), w(1800, 1, 3, 3, 3)],
    attrs: conv3dAttrs({ outChannels: 1800, kernel: [3, 3, 3], low: [1, 1, 1], groups: 1800 }),
  },
]);
