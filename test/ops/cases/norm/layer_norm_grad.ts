import { layerNormGrad } from "#lib/ops/norm/layer_norm_grad.js";
import { defineCases } from "../case_table.js";

const weight = (C: number) => ({ shape: [C], scale: 0.5, shift: 1 });

const row = (
  name: string,
  size: number[],
  parameters: boolean,
  has: { weight?: boolean | undefined; residual?: boolean | undefined } = {},
) => ({
  name,
  inputs: [
    { shape: size, shift: 0.25 },
    has.weight ? weight(size[size.length - 1]) : null,
    has.residual ? { shape: size } : null,
    { shape: size },
  ],
  attrs: { eps: 1e-5, parameters },
});

defineCases(layerNormGrad, [
  row("one channel", [3, 1], true, { weight: true }),
  row("one row", [1, 768], true, { weight: true }),
  row("prime", [3, 7, 37], true, { weight: true }),
  row("plain", [2, 131], false),
  row("vectors of a plain norm", [5, 96], true),
  row("residual", [67, 300], true, { weight: true, residual: true }),
  row("many rows", [1031, 24], true, { weight: true }),
  row("wide", [3, 1032], true, { weight: true }),
  row("wide and odd", [2, 4099], true, { weight: true, residual: true }),
  row("residual alone", [9, 65], false, { residual: true }),
]);
