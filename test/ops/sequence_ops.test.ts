// Tests of attention, contrastive loss and top-k beyond their shape tables: padding, slices, NaN, threads, batches.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { ShapeError, WeightsError } from "#lib/base/errors.js";
import * as definitions from "#lib/ops/index.js";
import { compile } from "#lib/runtime/compile.js";
import { elements } from "#lib/graph/tensor.js";
import { applyOp, input, parameter, trace } from "#lib/graph/trace.js";
import * as nn from "#lib/nn/layers.js";
import { hashValues } from "#lib/nn/random_weights.js";
import * as ops from "#lib/ops.js";

const test = suite("sequence ops");
const array = (name: string, shape: number[]) => ({ shape, data: hashValues("", name, elements(shape)) });
const bits = (data: Float32Array) => [...new Uint32Array(data.buffer, data.byteOffset, data.length)];

/** Copies rows of `[N, S, C]` to the start of `[N, wide, C]` and fills the rest. */
function padded({ shape: [N, S, C], data }: ops.NDArray, wide: number, fill: number) {
  const out = new Float32Array(N * wide * C).fill(fill);
  for (let n = 0; n < N; n++) out.set(data.subarray(n * S * C, (n + 1) * S * C), n * wide * C);
  return { shape: [N, wide, C], data: out };
}

test("attention: masked keys change nothing, whatever their values", async () => {
  const [N, S, heads] = [2, 37, 3];
  const [q, k, v] = ["q", "k", "v"].map((name) => array(name, [N, S, heads * 20]));
  const plain = await ops.attention(q, k, v, { heads });
  for (const wide of [38, 64, 700]) {
    const mask = { shape: [N, wide], data: Uint8Array.from({ length: N * wide }, (_, i) => Number(i % wide < S)) };
    const got = await ops.attention(q, padded(k, wide, Number.NaN), padded(v, wide, Infinity), { heads, mask });
    assert.equal(bits(got.data), bits(plain.data), `padded to ${wide}`);
  }
});

test("attention: a row depends neither on the batch nor on the number of queries", async () => {
  const heads = 2;
  const [q, k, v] = ["q", "k", "v"].map((name) => array(name, [3, 47, 64]));
  const all = await ops.attention(q, k, v, { heads });
  const at = 2 * 47 * 64;
  const one = ({ data }: ops.NDArray) => ({ shape: [1, 47, 64], data: data.slice(at) });
  const alone = await ops.attention(one(q), one(k), one(v), { heads });
  assert.equal(bits(alone.data), bits(all.data.slice(at)));
  const last = await ops.attention({ shape: [1, 1, 64], data: q.data.slice(-64) }, one(k), one(v), { heads });
  assert.equal(bits(last.data), bits(all.data.slice(-64)));
});

test("attention reads and writes slices of wider tensors", async () => {
  const device = createDevice({ threads: 1 });
  const [N, S, C, heads] = [2, 19, 24, 2];
  const program = compile(
    trace(() => {
      const [q, k, v] = ["q", "k", "v"].map((name) => nn.unary(input(name, [N, S, C]), "tanh"));
      const y = applyOp(definitions.attention, [q, k, v, null], { heads, scale: 0.3, causal: false })[0];
      return { merged: nn.concat([q, k, y, v], 2) }; // elided: all four are slices of it
    }),
    device,
  );
  assert.not.ok(program.instructions.some(({ op }) => op === "concat"));
  const values = Object.fromEntries(["q", "k", "v"].map((name) => [name, array(name, [N, S, C])]));
  const { merged } = await program.run({ q: values.q.data, k: values.k.data, v: values.v.data });
  const [q, k, v] = await Promise.all(["q", "k", "v"].map((name) => ops.unary(values[name], "tanh")));
  const y = await ops.attention(q, k, v, { heads, scale: 0.3 });
  const expected = await ops.concat([q, k, y, v], 2);
  assert.equal(bits(merged), bits(expected.data));
  device.dispose();
});

test("top-k: NaN comes last, then places without a row", async () => {
  const rows = { shape: [5, 2], data: Float32Array.of(1, 0, Number.NaN, 0, 3, 0, Number.NaN, 1, -Infinity, 1) };
  const { values, indices } = await ops.topK({ shape: [1, 2], data: Float32Array.of(1, 1) }, rows, { k: 6, base: 10 });
  assert.equal([...values.data], [3, 1, -Infinity, Number.NaN, Number.NaN, -Infinity]);
  assert.equal([...indices.data], [12, 10, 14, 11, 13, -1]);
  const few = await ops.topK({ shape: [1, 2], data: Float32Array.of(1, 1) }, rows, { k: 2 });
  assert.equal([...few.indices.data], [2, 0]);
});

test("top-k: equal scores are sorted by index, in whatever order rows are read", async () => {
  for (const M of [5, 64, 3001, 20000]) {
    // scores from 0 to 4, each with many rows
    const scores = hashValues("ties", String(M), M).map((x) => Math.floor((x + 1) * 2.5));
    const byScore = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
    for (const Q of [1, 6]) {
      const queries = { shape: [Q, 3], data: new Float32Array(3 * Q).fill(1) };
      const rows = { shape: [M, 3], data: Float32Array.from({ length: 3 * M }, (_, i) => (i % 3 ? 0 : scores[i / 3])) };
      for (const k of [1, 2, 5]) {
        const { indices } = await ops.topK(queries, rows, { k });
        const got = Array.from({ length: Q }, (_, q) => [...indices.data.subarray(q * k, (q + 1) * k)]);
        assert.equal(got, new Array(Q).fill(byScore.slice(0, k)), `${k} of ${M} rows, ${Q} queries`);
      }
    }
  }
});

test("top-k: the result of a query does not depend on the other queries", async () => {
  const rows = array("rows", [3001, 70]);
  const queries = array("queries", [9, 70]);
  const all = await ops.topK(queries, rows, { k: 12 });
  for (const q of [0, 5, 8]) {
    const one = { shape: [1, 70], data: queries.data.slice(q * 70, (q + 1) * 70) };
    const { values, indices } = await ops.topK(one, rows, { k: 12 });
    assert.equal(bits(values.data), bits(all.values.data.slice(q * 12, (q + 1) * 12)));
    assert.equal([...indices.data], [...all.indices.data.slice(q * 12, (q + 1) * 12)]);
  }
});

test("f16 parameters are read in place and distinguished from f32", async () => {
  const device = createDevice({ threads: 1 });
  const rows = Uint16Array.of(0x3c00, 0x4000, 0xbc00, 0x0001); // 1, 2, -1, 2^-24
  device.parameters.set("rows", [4, 1], rows);
  const build = (dtype: "f32" | "f16") => () => {
    const [values, indices] = applyOp(definitions.topK, [input("q", [1, 1]), parameter("rows", [4, 1], dtype)], {
      k: 4,
      base: 0,
    });
    return { values, indices };
  };
  const program = compile(trace(build("f16")), device);
  const got = await program.run<{ values: Float32Array; indices: Int32Array }>({ q: Float32Array.of(1) });
  assert.equal([...got.values], [2, 1, 2 ** -24, -1]);
  assert.instance(got.indices, Int32Array);
  assert.equal([...got.indices], [1, 0, 3, 2]);
  assert.throws(
    () => compile(trace(build("f32")), device),
    (error: unknown) => error instanceof WeightsError,
  );
  device.dispose();
});

test("results do not depend on the number of threads", async () => {
  const graph = () =>
    trace(() => {
      const [a, b] = ["a", "b"].map((name) => input(name, [300, 48]));
      const [loss, rows, columns] = applyOp(definitions.contrastiveLoss, [a, b, null], { scale: 4, reduction: "sum" });
      const [values, indices] = applyOp(definitions.topK, [a, b], { k: 7, base: 0 });
      const [q, k] = [a, b].map((x) => nn.reshape(x, [2, 150, 48]));
      const [y] = applyOp(definitions.attention, [q, k, k, null], { heads: 3, scale: 0.25, causal: true });
      return { loss, rows, columns, values, indices, y };
    });
  const given = { a: array("a", [300, 48]).data, b: array("b", [300, 48]).data };
  const results = [];
  for (const threads of [1, 2, 5]) {
    const device = createDevice({ threads });
    const got = await compile(graph(), device).run(given);
    results.push(Object.values(got).map(bits));
    device.dispose();
  }
  assert.equal(results[1], results[0]);
  assert.equal(results[2], results[0]);
});

test("contrastive loss: scores far outside the range of exp are handled, and NaN is propagated", async () => {
  const [a, b] = ["a", "b"].map((name) => array(name, [40, 16]));
  for (const x of [a, b]) x.data = x.data.map((v) => v * 100);
  const attrs = { scale: 1, reduction: "sum" } as const;
  const wide = ({ shape, data }: ops.NDArray) => ({ shape, data: Float64Array.from(data) });
  const [loss, rows] = definitions.contrastiveLoss.reference([wide(a), wide(b), null], attrs);
  const got = await ops.contrastiveLoss(a, b);
  assert.ok(Math.abs(got.loss / loss.data[0] - 1) < 1e-5, `${got.loss} for ${loss.data[0]}`);
  got.rows.data.forEach((v, i) => assert.ok(Math.abs(v / rows.data[i] - 1) < 1e-5));
  a.data[5] = Number.NaN;
  assert.ok(Number.isNaN((await ops.contrastiveLoss(a, b)).loss));
});

test("operands that do not fit cause a ShapeError", async () => {
  const x = array("x", [2, 3, 8]);
  const flat = array("flat", [6, 8]);
  const wrong = [
    () => ops.attention(x, x, x, { heads: 3 }),
    () => ops.attention(x, x, x, { heads: 2, mask: array("m", [2, 4]) }),
    () => ops.layerNorm(x, { eps: 1e-5, weight: array("w", [7]) }),
    () => ops.contrastiveLoss(flat, array("b", [5, 8])),
    () => ops.topK(flat, array("rows", [5, 7]), { k: 1 }),
    () => ops.topK(flat, flat, { k: 0 }),
  ];
  for (const call of wrong) {
    const error = await call().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.instance(error, ShapeError);
  }
});

test.after(() => ops.dispose());
test.run();
