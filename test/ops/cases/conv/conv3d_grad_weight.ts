import { type Triple } from "#lib/ops/conv/conv3d_attrs.js";
import { conv3dGradWeight, type Conv3dGradWeightAttrs } from "#lib/ops/conv/conv3d_grad_weight.js";
import { defineCases } from "../case_table.js";

const x = (...shape: number[]) => ({ shape, integer: 4 });

const d = (...shape: number[]) => ({ shape, integer: 3 });

const attrs = (kernel: Triple, given: Partial<Conv3dGradWeightAttrs> = {}): Conv3dGradWeightAttrs => ({
  kernel,
  stride: [1, 1, 1],
  low: [0, 0, 0],
  groups: 1,
  ...given,
});

defineCases(conv3dGradWeight, [
  { name: "one position", inputs: [x(1, 1, 1, 1, 1), d(1, 1, 1, 1, 1)], attrs: attrs([1, 1, 1]) },
  {
    name: "1x3x3 odd",
    inputs: [x(2, 3, 7, 5, 13), d(2, 3, 7, 5, 37)],
    attrs: attrs([1, 3, 3], { low: [0, 1, 1] }),
  },
  {
    name: "3x1x1 stride 2",
    inputs: [x(1, 5, 4, 3, 24), d(1, 3, 4, 3, 16)],
    attrs: attrs([3, 1, 1], { stride: [2, 1, 1], low: [1, 0, 0] }),
  },
  {
    name: "2x4x4 asymmetric",
    inputs: [x(1, 3, 6, 5, 24), d(1, 3, 6, 5, 64)],
    attrs: attrs([2, 4, 4], { low: [0, 1, 1] }),
  },
  {
    name: "1x7x7 stride 2 of 3 channels",
    inputs: [x(2, 2, 9, 11, 3), d(2, 2, 5, 6, 45)],
    attrs: attrs([1, 7, 7], { stride: [1, 2, 2], low: [0, 3, 3] }),
  },
  {
    name: "pointwise of several tiles",
    inputs: [x(2, 2, 9, 13, 72), d(2, 2, 9, 13, 80)],
    attrs: attrs([1, 1, 1]),
  },
  {
    name: "more positions than a split",
    inputs: [x(2, 5, 17, 16, 16), d(2, 5, 17, 16, 24)],
    attrs: attrs([1, 1, 1]),
  },
  { name: "pairs of channels", inputs: [x(2, 2, 3, 5, 54), d(2, 2, 3, 5, 30)], attrs: attrs([1, 1, 1]) },
  {
    name: "1x1x1 stride 2",
    inputs: [x(2, 3, 5, 7, 24), d(2, 3, 3, 4, 48)],
    attrs: attrs([1, 1, 1], { stride: [1, 2, 2] }),
  },
  {
    name: "grouped",
    inputs: [x(2, 2, 4, 4, 12), d(2, 2, 4, 4, 20)],
    attrs: attrs([1, 3, 3], { low: [0, 1, 1], groups: 4 }),
  },
  {
    name: "two groups of whole vectors",
    inputs: [x(1, 2, 4, 5, 32), d(1, 2, 4, 5, 48)],
    attrs: attrs([1, 3, 3], { low: [0, 1, 1], groups: 2 }),
  },
  {
    name: "depthwise 3x3x3",
    inputs: [x(2, 3, 4, 16, 54), d(2, 3, 4, 16, 54)],
    attrs: attrs([3, 3, 3], { low: [1, 1, 1], groups: 54 }),
  },
  {
    name: "depthwise 3x3x3 stride 2",
    inputs: [x(2, 3, 5, 7, 70), d(2, 3, 3, 4, 70)],
    attrs: attrs([3, 3, 3], { stride: [1, 2, 2], low: [1, 1, 1], groups: 70 }),
  },
  {
    name: "depthwise 5x1x1",
    inputs: [x(1, 6, 3, 9, 24), d(1, 6, 3, 9, 24)],
    attrs: attrs([5, 1, 1], { low: [2, 0, 0], groups: 24 }),
  },
  {
    name: "depthwise 1x4x4 stride 3, odd",
    inputs: [x(1, 2, 9, 8, 13), d(1, 2, 4, 3, 13)],
    attrs: attrs([1, 4, 4], { stride: [1, 3, 3], low: [0, 2, 2], groups: 13 }),
  },
  {
    name: "random",
    inputs: [{ shape: [2, 3, 7, 9, 33] }, { shape: [2, 3, 7, 9, 40] }],
    attrs: attrs([3, 3, 3], { low: [1, 1, 1] }),
  },
]);
