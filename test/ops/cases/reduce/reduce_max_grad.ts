import { reduceMaxGrad } from "#lib/ops/reduce/reduce_max_grad.js";
import { defineCases } from "../case_table.js";

defineCases(reduceMaxGrad, [
  { name: "words", inputs: [{ shape: [3, 16, 37] }, { shape: [3, 37] }], attrs: {} },
  {
    name: "ties",
    inputs: [
      { shape: [5, 7, 48], integer: 1 },
      { shape: [5, 48], integer: 4 },
    ],
    attrs: {},
  },
  { name: "more than a block", inputs: [{ shape: [130, 3, 16] }, { shape: [130, 16] }], attrs: {} },
  { name: "columns of three blocks", inputs: [{ shape: [2, 2, 2100] }, { shape: [2, 2100] }], attrs: {} },
  { name: "one", inputs: [{ shape: [2, 1, 5] }, { shape: [2, 5] }], attrs: {} },
]);
