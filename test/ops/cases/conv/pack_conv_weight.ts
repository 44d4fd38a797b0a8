import { packConvWeight } from "#lib/ops/conv/pack_conv_weight.js";
import { defineCases } from "../case_table.js";

defineCases(packConvWeight, [
  { name: "odd", inputs: [{ shape: [37, 5, 1, 3, 3] }], attrs: { groups: 1, split: [37], panelWidth: 0 } },
  { name: "split", inputs: [{ shape: [83, 7, 1, 1, 1] }], attrs: { groups: 1, split: [48, 16, 19], panelWidth: 0 } },
  { name: "grouped", inputs: [{ shape: [20, 3, 1, 3, 3] }], attrs: { groups: 4, split: [20], panelWidth: 0 } },
  { name: "depthwise", inputs: [{ shape: [21, 1, 3, 3, 3] }], attrs: { groups: 21, split: [21], panelWidth: 0 } },
  { name: "linear", inputs: [{ shape: [10, 9] }], attrs: { groups: 1, split: [10], panelWidth: 0 } },
]);
