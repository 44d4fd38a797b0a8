// Matrix products on the CPU that are packed in several parts: their bits are those of products that fit one part.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { matmul, matmulBf16 } from "#lib/ops/index.js";
import * as ops from "#lib/ops.js";
import { hashValues } from "#lib/nn/random_weights.js";

const test = suite("parts of matrix products");
ops.configure({ device: "cpu", threads: 2 });

/** A dense matrix, [rows, columns]. */
interface Matrix {
  shape: [number, number];
  data: Float32Array;
}
const array = (label: string, ...shape: number[]) => ({
  shape,
  data: hashValues(
    "parts",
    label,
    shape.reduce((a, b) => a * b),
  ),
});
const matrixOf = ({ shape: [, rows, columns], data }: ReturnType<typeof array>, n: number): Matrix => ({
  shape: [rows, columns],
  data: data.subarray(n * rows * columns, (n + 1) * rows * columns),
});
/** Rows [begin, end), or columns if `isColumn`. */
function cut({ shape: [rows, columns], data }: Matrix, isColumn: boolean, begin: number, end: number): Matrix {
  if (!isColumn) return { shape: [end - begin, columns], data: data.slice(begin * columns, end * columns) };
  const width = end - begin;
  const values = new Float32Array(rows * width);
  for (let r = 0; r < rows; r++) values.set(data.subarray(r * columns + begin, r * columns + end), r * width);
  return { shape: [rows, width], data: values };
}
const bytes = (values: ArrayLike<number>) => Buffer.from(Float32Array.from(values).buffer);

for (const op of [matmul, matmulBf16]) {
  for (const [what, batch, M, N, K] of [
    ["rows", 1, 4200, 40, 300],
    ["columns", 1, 20, 4130, 300],
    ["rows and columns", 1, 4110, 4120, 40],
    ["rows and chunks of K", 1, 4200, 40, 1300],
    ["columns and chunks of K", 1, 40, 4200, 1300],
    ["chunks of K", 1, 60, 70, 70_000],
    ["matrices of a batch", 300, 33, 35, 270],
  ] as const) {
    test(`${op.name}: more ${what} than a part has`, async () => {
      for (const form of [false, true].flatMap((a) => [false, true].map((b) => ({ transposeA: a, transposeB: b })))) {
        const a = form.transposeA ? array("a", batch, K, M) : array("a", batch, M, K);
        const b = form.transposeB ? array("b", batch, N, K) : array("b", batch, K, N);
        const [y] = await ops.runOp(op, [a, b], form);
        const width = Math.min(N, 64);
        for (const [n, m, column] of [
          [0, 0, 0],
          [0, Math.floor(M / 2) - 1, 0],
          [0, Math.floor(M / 2), N - width],
          [batch - 1, M - 1, N - width],
        ]) {
          const row = cut(matrixOf(a, n), form.transposeA, m, m + 1);
          const columns = cut(matrixOf(b, n), !form.transposeB, column, column + width);
          const [alone] = await ops.runOp(op, [row, columns], form);
          const at = (n * M + m) * N + column;
          assert.equal(bytes(y.data.subarray(at, at + width)), bytes(alone.data), JSON.stringify(form));
        }
      }
    });
  }
}

test.after(() => ops.dispose());
test.run();
