import { concat } from "#lib/ops/layout/concat.js";
import { defineCases } from "../case_table.js";

defineCases(concat, [
  {
    name: "channels",
    inputs: [{ shape: [2, 3, 5] }, { shape: [2, 3, 1] }, { shape: [2, 3, 8] }],
    attrs: { axis: 2 },
  },
  { name: "16 and 24", inputs: [{ shape: [7, 16] }, { shape: [7, 24] }], attrs: { axis: 1 } },
  { name: "first axis", inputs: [{ shape: [2, 3] }, { shape: [5, 3] }], attrs: { axis: 0 } },
]);
