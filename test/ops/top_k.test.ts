// Tests of top-k beyond its shape table, on the CPU and on the emulator (a GPU with VIDEOCLIP_DEVICE=cuda). Rounded scores decide which
// scores are computed, for several queries: no bit of a result may tell.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { applyOp, input, trace } from "#lib/graph/trace.js";
import type { DType } from "#lib/graph/tensor.js";
import { topK } from "#lib/ops/reduce/top_k.js";
import { compile } from "#lib/runtime/compile.js";
import { createDevice, type DeviceName } from "#lib/runtime/device.js";
import { type CaseValue, makeInput, roundTo } from "./case_input.js";
import { bytesOf } from "../support/numbers.js";

const test = suite("top_k");
const gpu = (process.env.VIDEOCLIP_DEVICE ?? "cuda-emulated") as DeviceName;
const array = (label: string, shape: number[], dtype: DType = "f32") => makeInput({ shape, dtype }, label);
const bytes = (data: ArrayBufferView) => bytesOf(data).toString("hex");
const same = (a: ArrayBufferView, b: ArrayBufferView, message?: string) => assert.is(bytes(a), bytes(b), message);
type Found = [values: { data: Float32Array }, indices: { data: Int32Array }];

for (const name of ["cpu", gpu] as const) {
  const device = createDevice({ device: name });
  test.after(() => device.dispose());

  const run = async ([queries, rows]: CaseValue[], attrs: { k: number; base: number }): Promise<Found> => {
    const graph = trace(() => {
      const inputs = [input("queries", queries.shape, queries.dtype), input("rows", rows.shape, rows.dtype)];
      const [values, indices] = applyOp(topK, inputs, attrs);
      return { values, indices };
    });
    const program = compile(graph, device);
    const { values, indices } = await program.run<{ values: Float32Array; indices: Int32Array }>({
      queries: queries.data,
      rows: rows.data,
    });
    return [{ data: values }, { data: indices }];
  };

  for (const dtype of name === "cpu" ? (["f32", "f16"] as const) : (["f32", "bf16", "f16"] as const)) {
    const queryType = name === "cpu" ? "f32" : dtype;
    test(`${name}, ${dtype}: NaN comes last, then places without a row; 0 equals -0`, async () => {
      const encode = (list: number[], dtype: DType) =>
        dtype === "f32" ? Float32Array.from(list) : Uint16Array.from(list, (x) => roundTo.encode(x, dtype));
      const value = (shape: number[], list: number[], dtype: DType): CaseValue => ({
        shape,
        dtype,
        data: encode(list, dtype),
        values: Float64Array.from(list),
      });
      const inf = Infinity;
      const rows = value([7, 2], [0, 0, -0, 0, Number.NaN, 1, 3, 0, -2, -0, -inf, 1, inf, 1], dtype);
      for (const Q of [1, 2, 9]) {
        const query = value(
          [Q, 2],
          Array.from({ length: 2 * Q }, () => 1),
          queryType,
        );
        const [values, indices] = await run([query, rows], { k: 9, base: 10 });
        for (let q = 0; q < Q; q++) {
          assert.equal(
            [...values.data.subarray(q * 9, q * 9 + 9)].map((x) => x + 0),
            [inf, 3, 0, 0, -2, -inf, Number.NaN, -inf, -inf],
          );
          assert.equal([...indices.data.subarray(q * 9, q * 9 + 9)], [16, 13, 10, 11, 14, 15, 12, -1, -1]);
        }
      }
    });

    test(`${name}, ${dtype}: the result of a query does not depend on the other queries`, async () => {
      const [rows, queries] = [array("rows", [1501, 70], dtype), array("queries", [9, 70], queryType)];
      const all = await run([queries, rows], { k: 12, base: 0 });
      for (const q of [0, 8]) {
        const one = { ...queries, shape: [1, 70], data: queries.data.slice(q * 70, (q + 1) * 70) };
        const got = await run([one, rows], { k: 12, base: 0 });
        got.forEach((x, i) => same(x.data, all[i].data.slice(q * 12, (q + 1) * 12)));
      }
    });
  }

  /** Expects that each of the queries has the same result alone as among the others. */
  const sameAlone = async (queries: CaseValue, rows: CaseValue, k: number): Promise<void> => {
    const [Q, D] = queries.shape;
    const all = await run([queries, rows], { k, base: 0 });
    for (let q = 0; q < Q; q++) {
      const one = { ...queries, shape: [1, D], data: queries.data.slice(q * D, (q + 1) * D) };
      const got = await run([one, rows], { k, base: 0 });
      got.forEach((x, i) => same(x.data, all[i].data.slice(q * k, (q + 1) * k), `query ${q}, output ${i}`));
    }
  };

  if (name === "cpu") {
    test("cpu, f32 queries and f16 rows: roundings to 8 bits that all have one sign, of the queries or of the rows", async () => {
      const [D, M, Q] = [64, 2000, 13];
      const rounded = (i: number) => (i === 0 ? 1 : 3.4 / 127); // of the second one 0.4 / 127 is lost
      const exact = () => 1;
      const cases = [[rounded, exact], [exact, rounded]]; // prettier-ignore
      for (const [query, row] of cases) {
        const values = Float32Array.from({ length: Q * D }, (_, i) => query(i % D) * (1 + Math.floor(i / D)));
        const queries = { shape: [Q, D], dtype: "f32" as const, data: values, values: Float64Array.from(values) };
        // every row is better than the ones before it
        const better = (i: number) => row(i % D) * (0.6 + 0.0005 * Math.floor(i / D));
        const data = Uint16Array.from({ length: M * D }, (_, i) => roundTo.encode(better(i), "f16"));
        await sameAlone(queries, { shape: [M, D], dtype: "f16", data, values: roundTo.decode(data, "f16") }, 3);
      }
    });

    test("cpu, f32 queries and f16 rows: the longest rows whose scores are rounded, and longer ones", async () => {
      const M = 200;
      for (const D of [65536, 65600]) {
        const noise = array("noise", [24, D]);
        const queries = array("queries", [13, D]);
        for (const sign of [-1, 1]) {
          const few = Uint16Array.from(noise.data, (x) => roundTo.encode(sign + 1e-3 * x, "f16"));
          const data = new Uint16Array(M * D); // the same rows in another order of values
          for (let m = 0; m < M; m++) {
            const [row, turn] = [few.subarray((m % 24) * D, ((m % 24) + 1) * D), (m * 101) % D];
            data.set(row.subarray(turn), m * D);
            data.set(row.subarray(0, turn), (m + 1) * D - turn);
          }
          const rows: CaseValue = { shape: [M, D], dtype: "f16", data, values: new Float64Array() };
          await sameAlone({ ...queries, data: queries.data.map((x) => 1 + 1e-3 * x) }, rows, 3);
          await sameAlone({ ...queries, data: queries.data.map((x) => -1 + 1e-3 * x) }, rows, 3);
        }
      }
    });
  }

  for (const dtype of name === "cpu" ? (["f16"] as const) : (["bf16", "f16"] as const)) {
    test(`${name}, f32 queries and ${dtype} rows: scores closer than the rounding of the queries`, async () => {
      const [D, M] = [72, name === "cpu" ? 3000 : 700];
      const [one, noise, queries] = [array("row", [1, D]), array("noise", [M, D]), array("queries", [20, D])];
      for (const size of [0.02, 0.004, 0.001, 0.0002]) {
        const values = noise.data.map((x, i) => one.data[i % D] + size * x);
        const data = Uint16Array.from(values, (x) => roundTo.encode(x, dtype));
        const rows: CaseValue = { shape: [M, D], dtype, data, values: roundTo.decode(data, dtype) };
        await sameAlone(queries, rows, 10);
        await sameAlone({ ...queries, data: queries.data.map((x, i) => x * 10 ** ((i % 7) - 3)) }, rows, 10);
      }
    });

    test(`${name}, f32 queries and ${dtype} rows: any scale, infinity and NaN`, async () => {
      const [D, Q, M] = [24, 20, name === "cpu" ? 2000 : 200];
      const rows = array("rows", [M, D], dtype);
      [Number.NaN, Infinity, -Infinity].forEach((x, i) => {
        rows.data[(M - 70 * i - 20) * D + 7] = roundTo.encode(x, dtype);
      });
      rows.data.fill(0, 20 * D, 40 * D);
      for (let m = 100; m < M; m++) {
        const scale = 2 ** ((m % 9) - 4);
        for (let i = m * D; i < (m + 1) * D; i++) {
          const x = roundTo.decode(rows.data.subarray(i, i + 1) as Uint16Array, dtype)[0];
          rows.data[i] = roundTo.encode(scale * x, dtype);
        }
      }
      const queries = array("queries", [Q, D]);
      const scales = [1, 1e-30, 1e30, 0, 1e-44, 3e38, 1e6];
      const data = queries.data.map((x, i) => x * scales[Math.floor(i / D) % scales.length]);
      data[8 * D + 5] = Number.NaN;
      data[9 * D + 5] = Infinity;
      data[10 * D + 5] = -Infinity;
      await sameAlone({ ...queries, data }, rows, 7);
      await sameAlone({ ...queries, data }, rows, M - 10);
    });
  }
}

test.run();
