import { avgPool3dGrad } from "#lib/ops/pool/avg_pool3d_grad.js";
import { defineCases } from "../case_table.js";

const base = { low: [0, 0, 0], high: [0, 0, 0], ceil: false, countIncludePad: true } as const;

const padded = { kernel: [2, 3, 3], stride: [2, 2, 2], low: [1, 1, 1], high: [1, 1, 1], ceil: true } as const;

defineCases(avgPool3dGrad, [
  {
    name: "2x7x7",
    inputs: [{ shape: [2, 3, 2, 1, 9] }],
    attrs: { ...base, kernel: [2, 7, 7], stride: [1, 1, 1], size: [4, 8, 7] },
  },
  {
    name: "2x2x2, 40 channels",
    inputs: [{ shape: [2, 1, 2, 4, 40] }],
    attrs: { ...base, kernel: [2, 2, 2], stride: [2, 2, 2], size: [2, 4, 8] },
  },
  {
    name: "padded ceil",
    inputs: [{ shape: [1, 3, 3, 4, 70] }],
    attrs: { ...padded, countIncludePad: false, size: [4, 5, 6] },
  },
  {
    name: "padded ceil counted",
    inputs: [{ shape: [1, 3, 4, 4, 3] }],
    attrs: { ...padded, countIncludePad: true, size: [5, 6, 6] },
  },
  {
    name: "positions outside of all windows",
    inputs: [{ shape: [1, 1, 3, 3, 33] }],
    attrs: { ...base, kernel: [2, 2, 2], stride: [2, 3, 3], size: [3, 8, 8] },
  },
]);
