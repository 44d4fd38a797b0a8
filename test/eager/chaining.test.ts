// The next op reads a result in place; a result that the caller has read is copied, so that the caller may change it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as ops from "#lib/ops.js";
import { openDevice } from "#lib/eager/device.js";

const test = suite("chaining");
const SIZE = 40_000; // larger than the arrays that are always copied
const values = () => ({ data: Float32Array.from({ length: SIZE }, (_, i) => Math.sin(i)), shape: [4, SIZE / 4] });

/** Compares without listing the differences, which takes minutes for this number of values. */
function same(got: Float32Array, expected: Float32Array): void {
  assert.is(got.length, expected.length);
  assert.is(got.findIndex((v, i) => v !== expected[i]), -1, "the values differ"); // prettier-ignore
}

/** The number of bytes that calls copy from their inputs. */
async function copied(body: () => Promise<unknown>): Promise<number> {
  const before = openDevice().engine.info().copiedBytes;
  await body();
  return openDevice().engine.info().copiedBytes - before;
}

test("a result that the caller has not read is read in place, also by several calls", async () => {
  const x = values();
  let y!: ops.Result;
  assert.is(
    await copied(async () => {
      y = await ops.unary(x, "tanh");
    }),
    4 * SIZE,
  );
  let results!: ops.Result[];
  const bytes = await copied(async () => {
    results = await Promise.all([ops.unary(y, "relu"), ops.binary(y, y, "add"), ops.softmax(y)]);
    results.push(await ops.unary(results[1], "exp"));
  });
  assert.is(bytes, 0);
  const tanh = (await ops.unary(x, "tanh")).data;
  same(
    results[0].data,
    tanh.map((v) => Math.max(0, v)),
  );
  same(results[1].data, tanh.map((v) => v + v)); // prettier-ignore
  same(results[3].data, (await ops.unary({ data: tanh.map((v) => v + v), shape: x.shape }, "exp")).data);
});

test("a result that the caller has read is copied: a change after a call has no effect on it", async () => {
  const y = await ops.unary(values(), "tanh");
  const expected = y.data.map((v) => Math.max(0, v));
  let relu!: ops.Result;
  const bytes = await copied(async () => {
    const run = ops.unary(y, "relu");
    y.data.fill(9);
    relu = await run;
  });
  assert.is(bytes, 4 * SIZE);
  same(relu.data, expected);
  assert.equal((await ops.unary({ data: y.data, shape: y.shape }, "relu")).data[5], 9);
});

test("values that are requested while a call reads them are a copy", async () => {
  const y = await ops.unary(values(), "tanh");
  // the call before them takes longer than the next lines
  const slow = ops.reduceSum({ data: ops.allocate(1 << 24), shape: [1 << 24] });
  const runs = Array.from({ length: 4 }, () => ops.unary(y, "relu"));
  y.data.fill(9); // the runs read the memory of the result
  await slow;
  const expected = (await ops.unary(values(), "tanh")).data.map((v) => Math.max(0, v));
  for (const { data } of await Promise.all(runs)) same(data, expected);
  assert.equal((await ops.unary(y, "relu")).data[7], 9);
});

test("a result is an ordinary object", async () => {
  const y = await ops.unary(values(), "tanh");
  assert.equal(Object.keys(y), ["data", "shape", "dtype"]);
  const spread = { ...y };
  assert.is(spread.data, y.data);
  same(structuredClone(y).data, y.data);
  assert.is(y.data, y.data);
  y.data = new Float32Array(SIZE).fill(2);
  assert.is((await ops.unary(y, "relu")).data[3], 2);
  y.shape[0] = 3;
  await ops.unary(y, "relu").then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, /shape \[3, 10000\] needs 30000 values, received 40000/),
  );
});

test("results are correct in a long chain", async () => {
  let y = await ops.unary(values(), "tanh");
  for (let i = 0; i < 500; i++) y = await ops.unary(y, "tanh");
  assert.is(y.data.length, SIZE);
});

test("out receives the result, in place if it is allocated memory, and may be an input", async () => {
  const x = values();
  const expected = (await ops.unary(x, "tanh")).data.slice();
  for (const out of [new Float32Array(SIZE), ops.allocate(SIZE), ops.allocate(SIZE + 16).subarray(16)]) {
    const y = await ops.unary(x, "tanh", { out });
    assert.is(y.data, out);
    same(y.data, expected);
  }
  for (const data of [x.data.slice(), ops.allocate(SIZE)]) {
    data.set(x.data);
    // a permutation in place would overwrite its input before reading it
    const turned = await ops.permute({ data, shape: [200, 200] }, [1, 0], { out: data });
    same(turned.data, (await ops.permute({ data: x.data, shape: [200, 200] }, [1, 0])).data);
  }
  const found = await ops.topK({ data: x.data, shape: [4, SIZE / 4] }, { data: x.data, shape: [4, SIZE / 4] }, {
    k: 1,
    out: { indices: new Int32Array(4) },
  }); // prettier-ignore
  assert.equal(Array.from(found.indices.data), [0, 1, 2, 3]);
});

test("inputs in allocated memory are not copied", async () => {
  const x = ops.allocate(SIZE);
  x.set(values().data);
  const seen = await copied(() => ops.unary({ data: x, shape: [SIZE] }, "tanh", { out: ops.allocate(SIZE) }));
  assert.is(seen, 0);
  assert.is(ops.allocate(3, "u8").byteLength, 3);
  assert.is(ops.allocate(3, "i32").byteLength, 12);
});

test("results and memory of another device are copied", async () => {
  const [memory, y] = [ops.allocate(SIZE), await ops.unary(values(), "tanh")];
  ops.configure({ threads: 1 });
  const bytes = await copied(() =>
    Promise.all([ops.unary({ data: memory, shape: [SIZE] }, "relu"), ops.unary(y, "relu")]),
  );
  assert.is(bytes, 8 * SIZE);
});

test.after(() => ops.dispose());
test.run();
