import { batchNormGrad } from "#lib/ops/norm/batch_norm_grad.js";
import { defineCases } from "../case_table.js";

defineCases(
  batchNormGrad,
  [
    { name: "training, relu", size: [2, 3, 4, 5, 11], relu: true, training: true },
    { name: "running statistics", size: [3, 67, 32], relu: false, training: false },
    { name: "rows of two blocks", size: [700, 48], relu: false, training: true },
    { name: "columns of three blocks", size: [3, 2100], relu: true, training: true },
    { name: "many rows", size: [2, 1031, 24], relu: true, training: false },
  ].map(({ name, size, relu, training }) => {
    const vector = { shape: size.slice(-1) };
    const scaled = { ...vector, scale: 0.3 };
    return {
      name,
      inputs: [
        { shape: size },
        { shape: size, scale: 2 },
        { ...vector, shift: 1 },
        scaled,
        scaled,
        { ...scaled, shift: 1.3 },
      ],
      attrs: { eps: 1e-3, relu, training },
    };
  }),
);
