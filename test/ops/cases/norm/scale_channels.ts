import { scaleChannels } from "#lib/ops/norm/scale_channels.js";
import { defineCases } from "../case_table.js";

defineCases(scaleChannels, [
  { name: "odd", inputs: [{ shape: [3, 2, 5, 7, 13] }, { shape: [3, 13] }], attrs: {} },
  { name: "rows of two blocks", inputs: [{ shape: [2, 70, 512] }, { shape: [2, 512] }], attrs: {} },
  { name: "columns of three blocks", inputs: [{ shape: [2, 3, 2100] }, { shape: [2, 2100] }], attrs: {} },
]);
