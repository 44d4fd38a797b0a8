import { transposeConvWeight } from "#lib/ops/conv/transpose_conv_weight.js";
import { defineCases } from "../case_table.js";

defineCases(transposeConvWeight, [
  { name: "one", inputs: [{ shape: [1, 1, 1, 1, 1] }], attrs: { groups: 1 } },
  { name: "2x3x4 taps", inputs: [{ shape: [7, 5, 2, 3, 4] }], attrs: { groups: 1 } },
  { name: "grouped", inputs: [{ shape: [12, 5, 1, 3, 3] }], attrs: { groups: 3 } },
  { name: "depthwise", inputs: [{ shape: [37, 1, 3, 3, 3] }], attrs: { groups: 37 } },
  { name: "more than a block", inputs: [{ shape: [40, 33, 1, 3, 3] }], attrs: { groups: 1 } },
]);
