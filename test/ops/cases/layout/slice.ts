import { slice } from "#lib/ops/layout/slice.js";
import { defineCases } from "../case_table.js";

defineCases(slice, [
  { name: "block", inputs: [{ shape: [3, 4, 5, 6] }], attrs: { start: [1, 0, 2, 3], size: [2, 4, 1, 2] } },
  { name: "16 of 32", inputs: [{ shape: [5, 32] }], attrs: { start: [1, 8], size: [3, 16] } },
  { name: "all", inputs: [{ shape: [7] }], attrs: { start: [0], size: [7] } },
]);
