import { meanOfSums } from "#lib/ops/pool/mean_of_sums.js";
import { defineCases } from "../case_table.js";

defineCases(meanOfSums, [
  { name: "one", inputs: [{ shape: [1, 1, 1] }], attrs: { first: 0, channels: 1, positions: 3, dtype: "f32" } },
  { name: "some", inputs: [{ shape: [3, 7, 43] }], attrs: { first: 8, channels: 17, positions: 400, dtype: "f32" } },
  {
    name: "wide",
    inputs: [{ shape: [2, 3, 300] }],
    attrs: { first: 0, channels: 300, positions: 130, dtype: "f32" },
  },
]);
