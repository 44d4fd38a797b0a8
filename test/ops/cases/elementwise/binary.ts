import { binary, binaryKinds } from "#lib/ops/elementwise/binary.js";
import { defineCases } from "../case_table.js";

defineCases(binary, [
  ...binaryKinds.map((kind) => ({
    name: kind,
    inputs: [{ shape: [3, 5, 7] }, { shape: [3, 5, 7], shift: 3 }],
    attrs: { kind },
  })),
  { name: "more than a block", inputs: [{ shape: [2, 4104] }, { shape: [2, 4104] }], attrs: { kind: "add" } },
  { name: "bias", inputs: [{ shape: [5, 70, 24] }, { shape: [24] }], attrs: { kind: "add" } },
  { name: "gate", inputs: [{ shape: [2, 3, 5, 16] }, { shape: [2, 1, 1, 16] }], attrs: { kind: "mul" } },
  { name: "column", inputs: [{ shape: [6, 1] }, { shape: [6, 16] }], attrs: { kind: "sub" } },
  { name: "one", inputs: [{ shape: [1, 1] }, { shape: [1] }], attrs: { kind: "max" } },
  { name: "row", inputs: [{ shape: [4, 3, 9] }, { shape: [9] }], attrs: { kind: "add" } },
  { name: "both sides", inputs: [{ shape: [4, 1, 9] }, { shape: [3, 1] }], attrs: { kind: "mul" } },
  { name: "scalar", inputs: [{ shape: [5, 2] }, { shape: [] }], attrs: { kind: "mul" } },
]);
