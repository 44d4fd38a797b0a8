import { packWinogradWeight } from "#lib/ops/conv/pack_winograd_weight.js";
import { defineCases } from "../case_table.js";

defineCases(packWinogradWeight, [
  { name: "1x3x3", inputs: [{ shape: [37, 5, 1, 3, 3] }], attrs: { panelWidth: 0 } },
  { name: "3x1x1", inputs: [{ shape: [12, 7, 3, 1, 1] }], attrs: { panelWidth: 0 } },
]);
