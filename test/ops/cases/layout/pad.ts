import { pad } from "#lib/ops/layout/pad.js";
import { defineCases } from "../case_table.js";

defineCases(pad, [
  { name: "block", inputs: [{ shape: [2, 4, 1, 2] }], attrs: { low: [1, 0, 2, 3], high: [0, 0, 2, 1] } },
  { name: "16 of 32", inputs: [{ shape: [3, 16] }], attrs: { low: [1, 8], high: [1, 8] } },
  { name: "nothing", inputs: [{ shape: [7] }], attrs: { low: [0], high: [0] } },
  { name: "more than a block", inputs: [{ shape: [5, 3, 800] }], attrs: { low: [0, 1, 0], high: [3, 0, 16] } },
]);
