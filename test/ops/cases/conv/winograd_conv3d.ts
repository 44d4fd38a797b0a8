import { conv3dAttrs, type Conv3dAttrs, type Triple } from "#lib/ops/conv/conv3d.js";
import { winogradConv3d } from "#lib/ops/conv/winograd_conv3d.js";
import { type CaseInput, defineCases } from "../case_table.js";

const x = (...shape: number[]): CaseInput => ({ shape });

const spatial = (outChannels: number, rest: Partial<Conv3dAttrs> = {}) =>
  conv3dAttrs({ outChannels, kernel: [1, 3, 3], low: [0, 1, 1], ...rest });

const temporal = (outChannels: number, rest: Partial<Conv3dAttrs> = {}) =>
  conv3dAttrs({ outChannels, kernel: [3, 1, 1], low: [1, 0, 0], ...rest });

const none: Triple = [0, 0, 0];

defineCases(winogradConv3d, [
  { name: "1x3x3 exact tiles", inputs: [x(1, 2, 8, 8, 32), x(64, 32, 1, 3, 3), x(64)], attrs: spatial(64) },
  {
    name: "1x3x3 odd",
    inputs: [x(2, 3, 7, 5, 13), x(37, 13, 1, 3, 3), x(37), x(2, 3, 7, 5, 37)],
    attrs: spatial(37, { activation: "relu" }),
  },
  {
    name: "1x3x3 unpadded",
    inputs: [x(1, 1, 6, 3, 16), x(8, 16, 1, 3, 3)],
    attrs: spatial(8, { low: none, high: none }),
  },
  { name: "1x3x3 many", inputs: [x(1, 3, 30, 31, 3), x(33, 3, 1, 3, 3)], attrs: spatial(33) },
  { name: "3x1x1 one frame", inputs: [x(2, 1, 3, 5, 24), x(16, 24, 3, 1, 1)], attrs: temporal(16) },
  {
    name: "3x1x1 odd",
    inputs: [x(2, 7, 3, 5, 19), x(45, 19, 3, 1, 1), x(45), x(2, 7, 3, 5, 45)],
    attrs: temporal(45, { activation: "relu" }),
  },
  {
    name: "1x3x3 swish",
    inputs: [x(1, 2, 6, 5, 12), x(21, 12, 1, 3, 3), x(21)],
    attrs: spatial(21, { activation: "swish" }),
  },
  {
    name: "3x1x1 gelu",
    inputs: [x(1, 6, 3, 5, 12), x(19, 12, 3, 1, 1), x(19), x(1, 6, 3, 5, 19)],
    attrs: temporal(19, { activation: "gelu" }),
  },
  {
    name: "3x1x1 unpadded",
    inputs: [x(1, 9, 13, 17, 8), x(64, 8, 3, 1, 1)],
    attrs: temporal(64, { low: none, high: none }),
  },
]);
