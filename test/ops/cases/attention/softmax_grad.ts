import { softmaxGrad } from "#lib/ops/attention/softmax_grad.js";
import { defineCases } from "../case_table.js";

const row = (name: string, size: number[], log: boolean) => ({
  name: `${name}${log ? " of logarithms" : ""}`,
  inputs: [{ shape: size, ...(log ? { scale: 2, shift: -3 } : { scale: 0.1, shift: 0.1 }) }, { shape: size }],
  attrs: { log },
});

defineCases(
  softmaxGrad,
  [false, true].flatMap((log) => [
    row("one", [1, 1], log),
    row("odd", [3, 7, 37], log),
    row("rows of 16", [5, 64], log),
    row("wide", [3, 1032], log),
    row("wide and odd", [2, 4099], log),
  ]),
);
