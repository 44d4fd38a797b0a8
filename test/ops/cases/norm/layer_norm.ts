import { layerNorm } from "#lib/ops/norm/layer_norm.js";
import { defineCases } from "../case_table.js";

const row = (C: number) => ({ shape: [C], scale: 0.5, shift: 1 });

defineCases(layerNorm, [
  { name: "one channel", inputs: [{ shape: [3, 1] }, row(1), row(1)], attrs: { eps: 1e-5 } },
  { name: "one row", inputs: [{ shape: [1, 768] }, row(768), row(768)], attrs: { eps: 1e-12 } },
  { name: "prime", inputs: [{ shape: [3, 7, 37], shift: 0.25 }, row(37), row(37)], attrs: { eps: 1e-5 } },
  { name: "plain", inputs: [{ shape: [2, 131] }], attrs: { eps: 1e-5 } },
  { name: "bias only", inputs: [{ shape: [5, 96] }, null, row(96)], attrs: { eps: 1e-3 } },
  {
    name: "residual",
    inputs: [{ shape: [67, 300] }, row(300), row(300), { shape: [67, 300] }],
    attrs: { eps: 1e-12 },
  },
  { name: "wide", inputs: [{ shape: [3, 1032], shift: 0.25 }, row(1032), row(1032)], attrs: { eps: 1e-5 } },
  {
    name: "wide and odd",
    inputs: [{ shape: [2, 4099] }, row(4099), row(4099), { shape: [2, 4099] }],
    attrs: { eps: 1e-5 },
  },
  { name: "residual alone", inputs: [{ shape: [9, 65] }, null, null, { shape: [9, 65] }], attrs: { eps: 1e-5 } },
]);
