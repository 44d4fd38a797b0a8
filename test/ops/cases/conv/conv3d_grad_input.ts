import { conv3dGradInput } from "#lib/ops/conv/conv3d_grad_input.js";
import { defineCases } from "../case_table.js";

const d = (...shape: number[]) => ({ shape, integer: 4 });

const w = (...shape: number[]) => ({ shape, integer: 3 });

defineCases(conv3dGradInput, [
  {
    name: "one position",
    inputs: [d(1, 1, 1, 1, 1), w(1, 1, 1, 1, 1)],
    attrs: { inChannels: 1, size: [1, 1, 1], kernel: [1, 1, 1], stride: [1, 1, 1], low: [0, 0, 0], groups: 1 },
  },
  {
    name: "7x1x1 stride 2",
    inputs: [d(2, 3, 3, 5, 24), w(40, 24, 7, 1, 1)],
    attrs: { inChannels: 40, size: [6, 3, 5], kernel: [7, 1, 1], stride: [2, 1, 1], low: [3, 0, 0], groups: 1 },
  },
  {
    name: "3x7x7 stride 2 odd",
    inputs: [d(1, 2, 4, 3, 13), w(3, 13, 3, 7, 7)],
    attrs: { inChannels: 3, size: [3, 7, 6], kernel: [3, 7, 7], stride: [2, 2, 2], low: [1, 3, 3], groups: 1 },
  },
  {
    name: "1x1x1 stride 2, positions that no output reads",
    inputs: [d(2, 3, 3, 4, 48), w(24, 48, 1, 1, 1)],
    attrs: { inChannels: 24, size: [3, 5, 8], kernel: [1, 1, 1], stride: [1, 2, 2], low: [0, 0, 0], groups: 1 },
  },
  {
    name: "stride above the kernel",
    inputs: [d(1, 2, 3, 3, 8), w(16, 8, 1, 2, 2)],
    attrs: { inChannels: 16, size: [2, 9, 9], kernel: [1, 2, 2], stride: [1, 3, 3], low: [0, 0, 0], groups: 1 },
  },
  {
    name: "padding above the kernel",
    inputs: [d(2, 6, 5, 5, 9), w(17, 9, 1, 1, 3)],
    attrs: { inChannels: 17, size: [2, 5, 5], kernel: [1, 1, 3], stride: [1, 1, 1], low: [2, 0, 1], groups: 1 },
  },
  {
    name: "many tiles",
    inputs: [d(2, 2, 9, 8, 40), w(72, 40, 1, 3, 3)],
    attrs: { inChannels: 72, size: [2, 17, 16], kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], groups: 1 },
  },
  {
    name: "grouped",
    inputs: [d(2, 2, 3, 3, 20), w(12, 5, 1, 3, 3)],
    attrs: { inChannels: 12, size: [2, 5, 6], kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], groups: 4 },
  },
  {
    name: "two groups of whole vectors",
    inputs: [d(1, 2, 3, 4, 64), w(32, 32, 1, 3, 3)],
    attrs: { inChannels: 32, size: [2, 5, 7], kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], groups: 2 },
  },
  {
    name: "depthwise 3x3x3 stride 2",
    inputs: [d(2, 3, 3, 4, 70), w(70, 1, 3, 3, 3)],
    attrs: { inChannels: 70, size: [3, 5, 7], kernel: [3, 3, 3], stride: [1, 2, 2], low: [1, 1, 1], groups: 70 },
  },
  {
    name: "depthwise 3x3x3 stride 2 in vectors",
    inputs: [d(1, 2, 4, 5, 48), w(48, 1, 3, 3, 3)],
    attrs: { inChannels: 48, size: [2, 8, 9], kernel: [3, 3, 3], stride: [1, 2, 2], low: [1, 1, 1], groups: 48 },
  },
  {
    name: "random",
    inputs: [{ shape: [1, 2, 3, 4, 33] }, { shape: [19, 33, 2, 3, 3], scale: 0.1 }],
    attrs: { inChannels: 19, size: [3, 6, 7], kernel: [2, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], groups: 1 },
  },
]);
