import { batchNorm } from "#lib/ops/norm/batch_norm.js";
import { defineCases } from "../case_table.js";

defineCases(
  batchNorm,
  [
    { name: "relu", shape: [2, 3, 4, 5, 11], relu: true },
    { name: "rows of two blocks", shape: [70, 512], relu: false },
    { name: "columns of three blocks", shape: [3, 2100], relu: false },
  ].map(({ name, shape, relu }) => {
    const vector = { shape: shape.slice(-1) };
    return {
      name,
      inputs: [{ shape }, vector, vector, vector, { ...vector, shift: 1.2 }],
      attrs: { eps: 1e-3, relu },
    };
  }),
);
