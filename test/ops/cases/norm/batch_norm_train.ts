import { batchNormTrain } from "#lib/ops/norm/batch_norm_train.js";
import { defineCases } from "../case_table.js";

defineCases(
  batchNormTrain,
  [
    { name: "relu", shape: [2, 3, 4, 5, 11], relu: true },
    { name: "far from zero", shape: [3, 67, 32], relu: false, shift: 100 },
    { name: "rows of two blocks", shape: [700, 48], relu: false },
    { name: "columns of three blocks", shape: [3, 2100], relu: true },
    { name: "many rows", shape: [2, 1031, 24], relu: false },
  ].map(({ name, shape: size, relu, shift = 0 }) => {
    const vector = { shape: size.slice(-1) };
    return {
      name,
      inputs: [{ shape: size, scale: 2, shift }, { ...vector, shift: 1 }, vector, vector, { ...vector, shift: 1.2 }],
      attrs: { eps: 1e-3, momentum: 0.1, relu },
    };
  }),
);
