import { linear } from "#lib/ops/matmul/linear.js";
import { unaryKinds } from "#lib/ops/elementwise/unary_kinds.js";
import { defineCases } from "../case_table.js";

defineCases(linear, [
  {
    name: "one",
    inputs: [
      { shape: [1, 1], integer: 4 },
      { shape: [1, 1], integer: 4 },
    ],
    attrs: { outFeatures: 1, activation: "none" },
  },
  {
    name: "odd",
    inputs: [
      { shape: [2, 17, 37], integer: 4 },
      { shape: [67, 37], integer: 3 },
      { shape: [67], integer: 9 },
    ],
    attrs: { outFeatures: 67, activation: "relu" },
  },
  {
    name: "gate",
    inputs: [{ shape: [5, 48] }, { shape: [48, 48], scale: 0.2 }, { shape: [48] }],
    attrs: { outFeatures: 48, activation: "sigmoid" },
  },
  {
    name: "tiles",
    inputs: [
      { shape: [1, 261, 72], integer: 4 },
      { shape: [264, 72], integer: 3 },
      { shape: [264], integer: 9 },
    ],
    attrs: { outFeatures: 264, activation: "none" },
  },
  {
    name: "residual",
    inputs: [
      { shape: [2, 19, 37], integer: 4 },
      { shape: [67, 37], integer: 3 },
      { shape: [67], integer: 9 },
      { shape: [2, 19, 67], integer: 9 },
    ],
    attrs: { outFeatures: 67, activation: "relu" },
  },
  {
    name: "scaled residual",
    inputs: [
      { shape: [1, 34, 48], integer: 4 },
      { shape: [40, 48], integer: 3 },
      { shape: [40], integer: 9 },
      { shape: [1, 34, 40], integer: 9 },
      { shape: [40], integer: 3 },
    ],
    attrs: { outFeatures: 40, activation: "none" },
  },
  // more than a block of the inner dimension, of rows and of both
  {
    name: "deep",
    inputs: [
      { shape: [1, 15, 1601], integer: 2 },
      { shape: [33, 1601], integer: 2 },
      { shape: [33], integer: 9 },
      { shape: [1, 15, 33], integer: 9 },
    ],
    attrs: { outFeatures: 33, activation: "none" },
  },
  ...unaryKinds.map((activation) => ({
    name: activation,
    inputs: [{ shape: [3, 7, 40] }, { shape: [24, 40], scale: 0.5 }, { shape: [24], scale: 3 }],
    attrs: { outFeatures: 24, activation },
  })),
]);
