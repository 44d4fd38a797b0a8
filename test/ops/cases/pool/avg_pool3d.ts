import { avgPool3d } from "#lib/ops/pool/avg_pool3d.js";

import { defineCases } from "../case_table.js";

const x = (...shape: number[]) => ({ shape, scale: 3 });

defineCases(avgPool3d, [
  {
    name: "2x7x7",
    inputs: [x(2, 4, 8, 7, 9)],
    attrs: {
      kernel: [2, 7, 7],
      stride: [1, 1, 1],
      low: [0, 0, 0],
      high: [0, 0, 0],
      ceil: false,
      countIncludePad: true,
    },
  },
  {
    name: "all of a clip",
    inputs: [x(2, 4, 7, 7, 24)],
    attrs: {
      kernel: [4, 7, 7],
      stride: [1, 1, 1],
      low: [0, 0, 0],
      high: [0, 0, 0],
      ceil: false,
      countIncludePad: true,
    },
  },
  {
    name: "2x2x2, 40 channels",
    inputs: [x(2, 2, 4, 8, 40)],
    attrs: {
      kernel: [2, 2, 2],
      stride: [2, 2, 2],
      low: [0, 0, 0],
      high: [0, 0, 0],
      ceil: false,
      countIncludePad: true,
    },
  },
  {
    name: "padded ceil",
    inputs: [x(1, 4, 5, 6, 70)],
    attrs: {
      kernel: [2, 3, 3],
      stride: [2, 2, 2],
      low: [1, 1, 1],
      high: [1, 1, 1],
      ceil: true,
      countIncludePad: false,
    },
  },
  {
    name: "padded ceil counted",
    inputs: [x(1, 5, 6, 6, 3)],
    attrs: {
      kernel: [2, 3, 3],
      stride: [2, 2, 2],
      low: [1, 1, 1],
      high: [1, 1, 1],
      ceil: true,
      countIncludePad: true,
    },
  },
]);
