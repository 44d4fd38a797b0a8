import { foldConvWeight } from "#lib/ops/conv/fold_conv_weight.js";
import { defineCases } from "../case_table.js";

defineCases(foldConvWeight, [
  {
    name: "1x3x3",
    inputs: [{ shape: [7, 5, 1, 3, 3] }, { shape: [7] }, { shape: [7], shift: 1.2 }],
    attrs: { eps: 1e-5 },
  },
]);
