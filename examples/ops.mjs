// Kernels on typed arrays: the nearest rows to queries, and the softmax of their scores. node examples/ops.mjs
import { dispose, softmax, topK } from "videoclip/ops";

const [queries, rows, dim] = [2, 1000, 64];
const values = (count) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898));
const found = await topK(
  { data: values(queries * dim), shape: [queries, dim] },
  { data: values(rows * dim), shape: [rows, dim] },
  { k: 5 },
);
const weights = await softmax(found.values);
for (let q = 0; q < queries; q++) {
  const part = (array) => Array.from(array.data.subarray(q * 5, (q + 1) * 5), (v) => Number(v.toFixed(3)));
  console.log(`query ${q}: rows ${part(found.indices)}, weights ${part(weights)}`);
}
dispose();
