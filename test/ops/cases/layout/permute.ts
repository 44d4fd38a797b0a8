import { permute } from "#lib/ops/layout/permute.js";
import { defineCases } from "../case_table.js";

defineCases(permute, [
  { name: "NCTHW to NTHWC", inputs: [{ shape: [2, 3, 4, 5, 6] }], attrs: { order: [0, 2, 3, 4, 1] } },
  { name: "NTHWC to NCTHW", inputs: [{ shape: [1, 2, 20, 19, 3] }], attrs: { order: [0, 4, 1, 2, 3] } },
  { name: "3 channels last", inputs: [{ shape: [2, 3, 2, 20, 19] }], attrs: { order: [0, 2, 3, 4, 1] } },
  { name: "heads", inputs: [{ shape: [2, 5, 3, 8] }], attrs: { order: [0, 2, 1, 3] } },
  { name: "more than a tile", inputs: [{ shape: [2, 70, 45] }], attrs: { order: [0, 2, 1] } },
  { name: "reversed", inputs: [{ shape: [3, 4, 5, 6] }], attrs: { order: [3, 2, 1, 0] } },
  { name: "transpose", inputs: [{ shape: [7, 9] }], attrs: { order: [1, 0] } },
]);
