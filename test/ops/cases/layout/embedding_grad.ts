import { embeddingGrad } from "#lib/ops/layout/embedding_grad.js";
import { defineCases } from "../case_table.js";

const row = (name: string, ids: number[], C: number, rows: number, used: number, padding = -1) => ({
  name,
  inputs: [
    { shape: ids, dtype: "i32" as const, integer: used },
    { shape: [...ids, C], integer: 4 },
  ],
  attrs: { rows, padding },
});

defineCases(embeddingGrad, [
  row("one", [1], 1, 1, 1),
  row("repeated", [3, 17], 37, 29, 11),
  row("one id many times", [1031], 24, 3, 1),
  row("padding", [5, 13], 16, 40, 7, 0),
  row("large table", [70], 33, 2000, 2000),
  row("all rows", [400], 48, 50, 50),
]);
