import { maxPool3d } from "#lib/ops/pool/max_pool3d.js";

import { defineCases } from "../case_table.js";

const base = { low: [0, 0, 0], high: [0, 0, 0], ceil: false, padding: "-inf" } as const;

const x = (...shape: number[]) => ({ shape, scale: 3 });

defineCases(maxPool3d, [
  {
    name: "1x3x3",
    inputs: [x(2, 3, 9, 7, 5)],
    attrs: { ...base, kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], high: [0, 1, 1] },
  },
  {
    name: "3x3x3 same",
    inputs: [x(1, 4, 5, 3, 67)],
    attrs: { ...base, kernel: [3, 3, 3], stride: [1, 1, 1], low: [1, 1, 1], high: [1, 1, 1] },
  },
  {
    name: "2x2x2 ceil",
    inputs: [x(1, 5, 7, 3, 8)],
    attrs: { ...base, kernel: [2, 2, 2], stride: [2, 2, 2], ceil: true },
  },
  {
    name: "3x3x3 same, 16 channels",
    inputs: [x(2, 11, 6, 5, 16)],
    attrs: { ...base, kernel: [3, 3, 3], stride: [1, 1, 1], low: [1, 1, 1], high: [1, 1, 1] },
  },
  {
    name: "3x3x3 over zero padding",
    inputs: [{ shape: [2, 3, 5, 20, 72], shift: -3, scale: 3 }],
    attrs: { kernel: [3, 3, 3], stride: [1, 2, 1], low: [1, 0, 0], high: [1, 1, 2], ceil: true, padding: "zero" },
  },
  {
    name: "2x2x2, 40 columns",
    inputs: [x(1, 2, 4, 40, 40)],
    attrs: { ...base, kernel: [2, 2, 2], stride: [2, 2, 2] },
  },
  {
    name: "zero padding, all below zero",
    inputs: [{ shape: [2, 5, 6, 7, 16], shift: -3, scale: 1 }],
    attrs: { kernel: [3, 3, 3], stride: [2, 2, 2], low: [0, 0, 0], high: [1, 1, 1], ceil: true, padding: "zero" },
  },
]);
