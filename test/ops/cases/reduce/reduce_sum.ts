import { reduceSum } from "#lib/ops/reduce/reduce_sum.js";
import { defineCases } from "../case_table.js";

const row = (name: string, size: readonly number[], axes: readonly number[], integer = 0) => ({
  name,
  inputs: [{ shape: size, integer }],
  attrs: { axes },
});

defineCases(reduceSum, [
  row("one", [1], [0], 4),
  row("rows", [67, 37], [0], 4),
  row("columns", [67, 37], [1], 4),
  row("rows of 16", [131, 48], [0]),
  row("many rows", [1031, 21], [0], 4),
  row("many rows of 16", [2053, 32], [0]),
  row("middle", [3, 5, 7, 11], [1, 2]),
  row("first of three", [6, 5, 24], [0]),
  row("trailing", [3, 4, 70], [1, 2]),
  row("everything", [13, 71], [0, 1]),
  row("wide", [2, 4099], [1], 3),
  row("wide of 16", [3, 4096], [1]),
  row("many short rows", [2, 1100, 5], [1, 2]),
]);
