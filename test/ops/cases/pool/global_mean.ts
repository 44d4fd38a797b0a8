import { globalMean } from "#lib/ops/pool/global_mean.js";
import { defineCases } from "../case_table.js";

defineCases(globalMean, [
  { name: "one position", inputs: [{ shape: [3, 1, 5] }], attrs: {} },
  { name: "16 channels", inputs: [{ shape: [3, 5, 7, 7, 16], shift: 2 }], attrs: {} },
  { name: "columns of three blocks", inputs: [{ shape: [2, 19, 2100] }], attrs: {} },
  { name: "more than a chunk", inputs: [{ shape: [2, 3, 11, 19, 13], shift: 2 }], attrs: {} },
]);
