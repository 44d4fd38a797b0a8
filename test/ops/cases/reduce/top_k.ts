import { topK } from "#lib/ops/reduce/top_k.js";
import { defineCases } from "../case_table.js";

const exact = (N: number, D: number, integer = 4) => ({ shape: [N, D], integer });

const half = (N: number, D: number) => ({ shape: [N, D], dtype: "f16" as const });

defineCases(topK, [
  { name: "one", inputs: [exact(1, 1), exact(1, 1)], attrs: { k: 1, base: 0 } },
  { name: "ties", inputs: [exact(3, 5, 1), exact(131, 5, 1)], attrs: { k: 17, base: 0 } },
  { name: "prime", inputs: [exact(7, 37), exact(211, 37)], attrs: { k: 10, base: 1000 } },
  { name: "two stretches", inputs: [exact(1, 512, 30), exact(1031, 512, 30)], attrs: { k: 5, base: 0 } },
  { name: "many queries", inputs: [exact(19, 64, 50), exact(2500, 64, 50)], attrs: { k: 3, base: 0 } },
  { name: "large k", inputs: [exact(2, 16), exact(607, 16)], attrs: { k: 203, base: 0 } },
  { name: "large k of one", inputs: [exact(1, 7), exact(1700, 7)], attrs: { k: 1601, base: 3 } },
  { name: "k above the number of rows", inputs: [exact(2, 8), exact(5, 8)], attrs: { k: 9, base: 7 } },
  { name: "f16 rows", inputs: [{ shape: [8, 45] }, half(333, 45)], attrs: { k: 4, base: 0 } },
  { name: "ties of many queries", inputs: [exact(9, 5, 1), exact(131, 5, 1)], attrs: { k: 17, base: 0 } },
  { name: "two tiles of queries", inputs: [exact(131, 40), exact(701, 40)], attrs: { k: 10, base: 5 } },
  { name: "large k of many queries", inputs: [exact(10, 16), exact(607, 16)], attrs: { k: 203, base: 0 } },
  { name: "many queries, few rows", inputs: [exact(12, 8), exact(5, 8)], attrs: { k: 9, base: 7 } },
  { name: "many queries, f16 rows", inputs: [{ shape: [14, 45] }, half(333, 45)], attrs: { k: 4, base: 0 } },
  { name: "f16 integers", inputs: [exact(5, 96), { ...half(77, 96), integer: 9 }], attrs: { k: 77, base: 0 } },
]);
