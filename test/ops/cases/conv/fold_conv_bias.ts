import { foldConvBias } from "#lib/ops/conv/fold_conv_bias.js";
import { defineCases } from "../case_table.js";

defineCases(
  foldConvBias,
  [true, false].map((own) => ({
    name: own ? "with a bias" : "without",
    inputs: [{ shape: [9] }, { shape: [9] }, { shape: [9] }, { shape: [9], shift: 1.2 }, own ? { shape: [9] } : null],
    attrs: { eps: 1e-3 },
  })),
);
