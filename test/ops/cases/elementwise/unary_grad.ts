import { unaryGrad } from "#lib/ops/elementwise/unary_grad.js";
import { unaryKinds } from "#lib/ops/elementwise/unary_kinds.js";
import { defineCases } from "../case_table.js";

defineCases(unaryGrad, [
  ...unaryKinds.flatMap((kind) => [
    { name: kind, inputs: [{ shape: [3, 5, 37], scale: 6 }, { shape: [3, 5, 37] }], attrs: { kind } },
    { name: `${kind} of 16`, inputs: [{ shape: [5, 16], scale: 6 }, { shape: [5, 16] }], attrs: { kind } },
  ]),
  { name: "more than a block", inputs: [{ shape: [2, 4104] }, { shape: [2, 4104] }], attrs: { kind: "relu" } },
  ...(["sigmoid", "gelu", "gelu_tanh", "swish", "softplus"] as const).map((kind) => ({
    name: `far ${kind}`,
    inputs: [{ shape: [7, 33], scale: 300 }, { shape: [7, 33] }],
    attrs: { kind },
  })),
]);
