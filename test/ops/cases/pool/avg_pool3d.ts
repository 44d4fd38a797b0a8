import { avgPool3d } from "#lib/ops/pool/avg_pool3d.js";
import { defineCases } from "../case_table.js";

const x = (...shape: number[]) => ({ shape, scale: 3 });

const base = {
  stride: [1, 1, 1],
  low: [0, 0, 0],
  high: [0, 0, 0],
  ceil: false,
  countIncludePad: true,
} as const;
const padded = { kernel: [2, 3, 3], stride: [2, 2, 2], low: [1, 1, 1], high: [1, 1, 1], ceil: true } as const;

defineCases(avgPool3d, [
  { name: "2x7x7", inputs: [x(2, 4, 8, 7, 9)], attrs: { ...base, kernel: [2, 7, 7] } },
  { name: "all of a clip", inputs: [x(2, 4, 7, 7, 24)], attrs: { ...base, kernel: [4, 7, 7] } },
  {
    name: "2x2x2, 40 channels",
    inputs: [x(2, 2, 4, 8, 40)],
    attrs: { ...base, kernel: [2, 2, 2], stride: [2, 2, 2] },
  },
  { name: "padded ceil", inputs: [x(1, 4, 5, 6, 70)], attrs: { ...padded, countIncludePad: false } },
  { name: "padded ceil counted", inputs: [x(1, 5, 6, 6, 3)], attrs: { ...padded, countIncludePad: true } },
]);
