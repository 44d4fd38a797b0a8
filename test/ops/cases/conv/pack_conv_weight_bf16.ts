import { packConvWeightBf16 } from "#lib/ops/conv/pack_conv_weight_bf16.js";
import { defineCases } from "../case_table.js";

defineCases(packConvWeightBf16, [
  { name: "1x3x3", inputs: [{ shape: [37, 33, 1, 3, 3] }], attrs: { split: [37], panelWidth: 0, tileDepth: 0 } },
  { name: "80 channels", inputs: [{ shape: [20, 80, 1, 1, 1] }], attrs: { split: [20], panelWidth: 0, tileDepth: 0 } },
  { name: "few channels", inputs: [{ shape: [9, 3, 2, 3, 3] }], attrs: { split: [9], panelWidth: 0, tileDepth: 0 } },
  { name: "split", inputs: [{ shape: [83, 7, 1, 1, 1] }], attrs: { split: [48, 16, 19], panelWidth: 0, tileDepth: 0 } },
]);
