import { maxPool3dGrad } from "#lib/ops/pool/max_pool3d_grad.js";

import { defineCases } from "../case_table.js";

const base = { low: [0, 0, 0], high: [0, 0, 0], ceil: false, padding: "-inf" } as const;

const same = { ...base, kernel: [3, 3, 3], stride: [1, 1, 1], low: [1, 1, 1], high: [1, 1, 1] } as const;

const tensor = (integer: number, ...size: number[]) => ({ shape: size, integer });

defineCases(maxPool3dGrad, [
  {
    name: "1x3x3",
    inputs: [tensor(9, 2, 3, 9, 7, 5), tensor(5, 2, 3, 5, 4, 5)],
    attrs: { ...base, kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], high: [0, 1, 1] },
  },
  { name: "3x3x3 same", inputs: [tensor(9, 1, 4, 5, 3, 67), tensor(5, 1, 4, 5, 3, 67)], attrs: same },
  { name: "ties", inputs: [tensor(1, 2, 3, 5, 4, 48), tensor(5, 2, 3, 5, 4, 48)], attrs: same },
  {
    name: "2x2x2 ceil",
    inputs: [tensor(9, 1, 5, 7, 3, 8), tensor(5, 1, 3, 4, 2, 8)],
    attrs: { ...base, kernel: [2, 2, 2], stride: [2, 2, 2], ceil: true },
  },
  {
    name: "ties with zero padding",
    inputs: [tensor(1, 2, 3, 5, 8, 24), tensor(5, 2, 3, 3, 9, 24)],
    attrs: { kernel: [3, 3, 3], stride: [1, 2, 1], low: [1, 0, 1], high: [1, 1, 2], ceil: true, padding: "zero" },
  },
  {
    name: "zero padding, all below zero",
    inputs: [{ shape: [2, 5, 6, 7, 16], shift: -3, scale: 1 }, { shape: [2, 3, 3, 4, 16] }],
    attrs: { kernel: [3, 3, 3], stride: [2, 2, 2], low: [0, 0, 0], high: [1, 1, 1], ceil: true, padding: "zero" },
  },
  {
    name: "positions outside of all windows",
    inputs: [tensor(9, 1, 3, 8, 8, 33), tensor(5, 1, 1, 3, 3, 33)],
    attrs: { ...base, kernel: [2, 2, 2], stride: [2, 3, 3] },
  },
]);
