import { l2NormalizeGrad } from "#lib/ops/norm/l2_normalize_grad.js";
import { defineCases } from "../case_table.js";

const row = (name: string, shape: number[], eps = 1e-12) => ({
  name,
  inputs: [{ shape }, { shape }],
  attrs: { eps },
});

defineCases(l2NormalizeGrad, [
  row("two", [1, 2]),
  row("odd", [3, 7, 37]),
  row("rows of 16", [9, 64]),
  row("shorter than eps", [5, 33], 100),
  row("wide", [3, 1032]),
  row("wide and odd", [2, 4099]),
]);
