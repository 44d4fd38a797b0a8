import { dropout } from "#lib/ops/elementwise/dropout.js";
import { defineCases } from "../case_table.js";

const row = (name: string, size: number[], rate: number, stream = 3) => ({
  name,
  inputs: [{ shape: size }, { shape: [2], dtype: "i32" as const, integer: 1 << 30 }],
  attrs: { rate, stream },
});

defineCases(dropout, [
  row("one", [1], 0.5),
  row("odd", [3, 7, 37], 0.1),
  row("none", [2, 33], 0),
  row("rows of 64", [9, 64], 0.9),
  row("more than a block", [2, 4104], 0.3, 4000000000),
]);
