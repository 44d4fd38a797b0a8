import { reduceMax } from "#lib/ops/reduce/reduce_max.js";
import { defineCases } from "../case_table.js";

defineCases(reduceMax, [
  { name: "words", inputs: [{ shape: [3, 16, 37] }], attrs: {} },
  { name: "more than a block", inputs: [{ shape: [130, 3, 16] }], attrs: {} },
  { name: "columns of three blocks", inputs: [{ shape: [2, 2, 2100] }], attrs: {} },
  { name: "one", inputs: [{ shape: [2, 1, 5] }], attrs: {} },
]);
