import { cast } from "#lib/ops/elementwise/cast.js";
import { defineCases } from "../case_table.js";

defineCases(cast, [
  { name: "f32 to bf16", inputs: [{ shape: [3, 37], scale: 3 }], attrs: { to: "bf16" } },
  { name: "f32 to f16", inputs: [{ shape: [2, 5, 8], scale: 3 }], attrs: { to: "f16" } },
  { name: "bf16 to f32", inputs: [{ shape: [1, 1], dtype: "bf16" }], attrs: { to: "f32" } },
  { name: "f16 to f32", inputs: [{ shape: [1030], dtype: "f16" }], attrs: { to: "f32" } },
]);
