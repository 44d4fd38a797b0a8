import { l2Normalize } from "#lib/ops/norm/l2_normalize.js";

import { defineCases } from "../case_table.js";

const row = (name: string, shape: number[], eps = 1e-12, scale = 1) => ({
  name,
  inputs: [{ shape, scale }],
  attrs: { eps },
});

defineCases(l2Normalize, [
  row("one", [1, 1]),
  row("odd", [3, 7, 37]),
  row("rows of 16", [9, 64]),
  row("shorter than eps", [5, 33], 100),
  row("wide", [3, 1032]),
  row("wide and odd", [2, 4099]),
]);
