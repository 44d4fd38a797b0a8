import { embedding } from "#lib/ops/layout/embedding.js";
import { defineCases } from "../case_table.js";

defineCases(
  embedding,
  [
    { name: "repeats", columns: 6 },
    { name: "16 columns", columns: 16 },
    { name: "one column", columns: 1 },
  ].map(({ name, columns }) => ({
    name,
    inputs: [{ shape: [3, 4], dtype: "i32", integer: 5 }, { shape: [9, columns] }],
    attrs: {},
  })),
);
