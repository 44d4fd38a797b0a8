import { unary } from "#lib/ops/elementwise/unary.js";
import { unaryKinds } from "#lib/ops/elementwise/unary_kinds.js";
import { defineCases } from "../case_table.js";

defineCases(unary, [
  ...unaryKinds.map((kind) => ({ name: kind, inputs: [{ shape: [3, 5, 37], scale: 6 }], attrs: { kind } })),
  ...unaryKinds.map((kind) => ({ name: `${kind} of 16`, inputs: [{ shape: [5, 16], scale: 6 }], attrs: { kind } })),
  { name: "more than a block", inputs: [{ shape: [2, 4104] }], attrs: { kind: "relu" } },
  // inputs for which exp is 0 or would overflow
  ...(["sigmoid", "gelu_tanh", "swish"] as const).map((kind) => ({
    name: `far ${kind}`,
    inputs: [{ shape: [7, 33], scale: 300 }],
    attrs: { kind },
  })),
]);
