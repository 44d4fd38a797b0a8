import { fill } from "#lib/ops/elementwise/fill.js";
import { defineCases } from "../case_table.js";

defineCases(fill, [
  { name: "scalar", inputs: [], attrs: { shape: [], value: -2 } },
  { name: "odd", inputs: [], attrs: { shape: [3, 37], value: 0.5 } },
  { name: "more than a block", inputs: [], attrs: { shape: [2, 4104], value: 1 } },
  { name: "f16", inputs: [], attrs: { shape: [5, 8], value: 1.5, dtype: "f16" as const } },
  { name: "bf16", inputs: [], attrs: { shape: [5, 7], value: -3, dtype: "bf16" as const } },
]);
