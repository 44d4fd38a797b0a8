import { splitBf16 } from "#lib/ops/elementwise/split_bf16.js";
import { defineCases } from "../case_table.js";

defineCases(splitBf16, [
  { name: "odd", inputs: [{ shape: [3, 5, 37] }], attrs: {} },
  { name: "none", inputs: [{ shape: [0, 4] }], attrs: {} },
]);
