import { dynamicUpdateSlice } from "#lib/ops/layout/dynamic_update_slice.js";
import { defineCases } from "../case_table.js";

const cases = [
  { name: "one", x: [1, 1, 1], S: 1, starts: 1 },
  { name: "a token of an odd width", x: [3, 7, 5], S: 1, starts: 7 },
  { name: "a token of 64", x: [2, 33, 64], S: 1, starts: 33 },
  { name: "several", x: [2, 19, 12], S: 4, starts: 16 },
  { name: "all", x: [2, 5, 8], S: 5, starts: 1 },
  { name: "more than a block", x: [3, 40, 1032], S: 3, starts: 38 },
];

defineCases(
  dynamicUpdateSlice,
  cases.map(({ name, x: [N, T, C], S, starts }) => ({
    name,
    inputs: [{ shape: [N, T, C] }, { shape: [N, S, C] }, { shape: [1], dtype: "i32" as const, integer: starts }],
    attrs: {},
  })),
);
