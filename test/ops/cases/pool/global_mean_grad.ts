import { globalMeanGrad } from "#lib/ops/pool/global_mean_grad.js";
import { defineCases } from "../case_table.js";

defineCases(globalMeanGrad, [
  { name: "one position", inputs: [{ shape: [3, 5] }], attrs: { shape: [3, 1, 5] } },
  { name: "odd", inputs: [{ shape: [2, 13] }], attrs: { shape: [2, 3, 5, 7, 13] } },
  { name: "rows of two blocks", inputs: [{ shape: [2, 512] }], attrs: { shape: [2, 70, 512] } },
  { name: "columns of three blocks", inputs: [{ shape: [2, 2100] }], attrs: { shape: [2, 3, 2100] } },
]);
