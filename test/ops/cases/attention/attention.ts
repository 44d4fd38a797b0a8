import { attention } from "#lib/ops/attention/attention.js";

import { defineCases } from "../case_table.js";

const x = (N: number, S: number, C: number, scale = 1) => ({ shape: [N, S, C], scale });

const mask = (N: number, Sk: number, integer = 2) => ({ shape: [N, Sk], dtype: "u8" as const, integer });

const attrs = (heads: number, scale: number, causal = false) => ({ heads, scale, causal });

defineCases(attention, [
  { name: "one", inputs: [x(1, 1, 1), x(1, 1, 1), x(1, 1, 1)], attrs: attrs(1, 1) },
  { name: "odd", inputs: [x(2, 7, 15), x(2, 7, 15), x(2, 7, 15)], attrs: attrs(3, 0.5) },
  { name: "heads of 16", inputs: [x(1, 17, 32), x(1, 17, 32), x(1, 17, 32)], attrs: attrs(2, 0.25) },
  { name: "heads of 32", inputs: [x(2, 34, 96), x(2, 34, 96), x(2, 34, 96), mask(2, 34)], attrs: attrs(3, 0.2) },
  { name: "heads of 64", inputs: [x(1, 64, 128), x(1, 64, 128), x(1, 64, 128), mask(1, 64)], attrs: attrs(2, 0.125) },
  { name: "heads of 128", inputs: [x(1, 31, 128), x(1, 31, 128), x(1, 31, 128)], attrs: attrs(1, 0.09) },
  { name: "sharp", inputs: [x(1, 23, 40, 4), x(1, 23, 40), x(1, 23, 40)], attrs: attrs(2, 1) },
  { name: "cross", inputs: [x(3, 5, 24), x(3, 67, 24), x(3, 67, 24), mask(3, 67)], attrs: attrs(2, 0.3) },
  { name: "causal", inputs: [x(2, 37, 26), x(2, 37, 26), x(2, 37, 26)], attrs: attrs(2, 0.3, true) },
  {
    name: "causal cross",
    inputs: [x(1, 5, 16), x(1, 41, 16), x(1, 41, 16), mask(1, 41)],
    attrs: attrs(1, 0.3, true),
  },
  { name: "causal unseen", inputs: [x(1, 40, 16), x(1, 9, 16), x(1, 9, 16)], attrs: attrs(1, 0.3, true) },
  { name: "negative scale", inputs: [x(1, 9, 16), x(1, 70, 16), x(1, 70, 16)], attrs: attrs(1, -0.4) },
  { name: "equal weights", inputs: [x(1, 3, 16), x(1, 33, 16), x(1, 33, 16), mask(1, 33)], attrs: attrs(2, 0) },
  {
    name: "f32 mask, two fragments of 64",
    inputs: [x(1, 128, 64), x(1, 150, 64), x(1, 150, 64), { ...mask(1, 150), dtype: "f32" as const }],
    attrs: attrs(1, 0.3),
  },
  { name: "two fragments of 32", inputs: [x(1, 90, 32), x(1, 90, 32), x(1, 90, 32)], attrs: attrs(1, 0.3, true) },
  {
    name: "odd heads above 32",
    inputs: [x(2, 5, 74), x(2, 19, 74), x(2, 19, 74), mask(2, 19)],
    attrs: attrs(2, 0.3),
  },
  { name: "wide heads", inputs: [x(1, 3, 300), x(1, 35, 300), x(1, 35, 300), mask(1, 35)], attrs: attrs(2, 0.2) },
  { name: "odd wide heads", inputs: [x(1, 34, 131), x(1, 7, 131), x(1, 7, 131)], attrs: attrs(1, 0.2) },
  { name: "no key", inputs: [x(2, 3, 16), x(2, 11, 16), x(2, 11, 16), mask(2, 11, 1)], attrs: attrs(2, 0.3) },
  { name: "blocks", inputs: [x(1, 3, 20), x(1, 1031, 20, 3), x(1, 1031, 20), mask(1, 1031)], attrs: attrs(1, 1) },
  { name: "causal blocks", inputs: [x(1, 530, 8), x(1, 530, 8, 3), x(1, 530, 8)], attrs: attrs(1, 1, true) },
]);
