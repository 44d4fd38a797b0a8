import { gatesOfSums } from "#lib/ops/pool/gates_of_sums.js";
import { defineCases } from "../case_table.js";

defineCases(gatesOfSums, [
  {
    name: "one",
    inputs: [{ shape: [1, 1, 1] }, { shape: [1, 1] }, null],
    attrs: { first: [0], positions: 3, activation: "none" },
  },
  {
    name: "a block of S3D-G",
    inputs: [
      ...[{ shape: [3, 7, 48] }, { shape: [16, 16] }, { shape: [16] }],
      ...[{ shape: [3, 7, 40] }, { shape: [40, 40] }, { shape: [40] }],
      ...[{ shape: [3, 7, 24] }, { shape: [24, 24] }, { shape: [24] }],
      ...[{ shape: [3, 7, 8] }, { shape: [8, 8] }, { shape: [8] }],
    ],
    attrs: { first: [16, 0, 0, 0], positions: 400, activation: "sigmoid" },
  },
  {
    name: "odd sizes",
    inputs: [
      ...[{ shape: [2, 5, 43] }, { shape: [9, 17] }, null],
      ...[{ shape: [2, 1, 6] }, { shape: [131, 6] }, { shape: [131] }],
    ],
    attrs: { first: [8, 0], positions: 130, activation: "sigmoid" },
  },
  {
    name: "wide",
    inputs: [{ shape: [2, 130, 600] }, { shape: [72, 600] }, { shape: [72] }],
    attrs: { first: [0], positions: 8320, activation: "relu" },
  },
]);
