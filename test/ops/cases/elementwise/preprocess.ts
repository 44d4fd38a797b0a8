import { preprocess } from "#lib/ops/elementwise/preprocess.js";
import { defineCases } from "../case_table.js";

const attrs = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] } as const;

defineCases(preprocess, [
  {
    name: "crop",
    inputs: [{ shape: [2, 3, 7, 9, 3], dtype: "u8" }],
    attrs: { ...attrs, top: 1, left: 2, height: 5, width: 6, spaceToDepth: false },
  },
  {
    name: "crop of 16",
    inputs: [{ shape: [2, 2, 11, 19, 3], dtype: "u8" }],
    attrs: { ...attrs, top: 2, left: 3, height: 8, width: 16, spaceToDepth: false },
  },
  {
    name: "odd",
    inputs: [{ shape: [1, 3, 5, 7, 3], dtype: "u8" }],
    attrs: { ...attrs, top: 0, left: 0, height: 5, width: 7, spaceToDepth: false },
  },
  {
    name: "cells",
    inputs: [{ shape: [2, 4, 7, 9, 3], dtype: "u8" }],
    attrs: { ...attrs, top: 1, left: 3, height: 6, width: 4, spaceToDepth: true },
  },
]);
