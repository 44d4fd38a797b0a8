import { globalNorm } from "#lib/ops/optimizer/global_norm.js";
import { defineCases } from "../case_table.js";

defineCases(globalNorm, [
  { name: "one", inputs: [{ shape: [1], shift: 1 }, { shape: [1] }], attrs: { maxNorm: 0 } },
  {
    name: "several, clipped",
    inputs: [{ shape: [1], scale: 0.1, shift: 1 }, { shape: [7, 5] }, { shape: [4099] }, { shape: [33, 1009] }],
    attrs: { maxNorm: 2 },
  },
  { name: "below the limit", inputs: [{ shape: [1], shift: 2 }, { shape: [3] }], attrs: { maxNorm: 1000 } },
  {
    name: "more than a launch describes",
    inputs: [{ shape: [1], shift: 2 }, ...Array.from({ length: 100 }, (_, i) => ({ shape: [i + 1] }))],
    attrs: { maxNorm: 1 },
  },
  {
    name: "not finite",
    inputs: [{ shape: [1], shift: 2 }, { shape: [70], scale: Infinity }, { shape: [3] }],
    attrs: { maxNorm: 1 },
  },
]);
