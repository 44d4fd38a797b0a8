// Ops accept arrays of other realms, of shared memory, parts of larger arrays, and all kinds that hold their dtypes.
import vm from "node:vm";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as ops from "#lib/ops.js";
import { arrayKind, dtypeOf, isArrayOf, isDetached } from "#lib/base/typed_arrays.js";
import { refused as refusedAs } from "../support/errors.js";

const test = suite("arrays");
const expected = [1 / (1 + Math.E), Math.E / (1 + Math.E)];
const close = (data: ArrayLike<number>) =>
  Array.from(data).forEach((v, i) => assert.ok(Math.abs(v - expected[i]) < 1e-6));

const refused = (work: () => unknown, message: RegExp, code = "ERR_INVALID_ARGUMENT") => refusedAs(work, message, code);

test("kinds of arrays are recognised by their tag", () => {
  const other = vm.runInNewContext("new Float32Array(2)");
  assert.not.instance(other, Float32Array);
  assert.ok(isArrayOf("Float32Array", other));
  assert.is(dtypeOf(other), "f32");
  assert.is(dtypeOf(new Uint8ClampedArray(1)), "u8");
  assert.is(dtypeOf(new Float64Array(1)), undefined);
  for (const value of [null, 3, [], new DataView(new ArrayBuffer(1)), new Proxy(new Float32Array(1), {})])
    assert.is(arrayKind(value), undefined);
  assert.is(arrayKind({ [Symbol.toStringTag]: "Float32Array" }), undefined);
  const moved = new Float32Array(2);
  structuredClone(moved.buffer, { transfer: [moved.buffer] });
  const Resizable = ArrayBuffer as unknown as new (n: number, o: object) => ArrayBuffer & { resize(n: number): void };
  const buffer = new Resizable(16, { maxByteLength: 16 });
  const outside = new Float32Array(buffer, 8, 2);
  buffer.resize(4);
  assert.ok(isDetached(outside));
  assert.equal(
    [isDetached(moved), isDetached(new Float32Array(0)), isDetached(new Float32Array(1))],
    [true, false, false],
  );
});

test("arrays and shapes of another realm are accepted", async () => {
  const x = vm.runInNewContext("({ data: new Float32Array([0, 1]), shape: [2] })") as ops.NDArray;
  close((await ops.softmax(x)).data);
  const ids = { data: vm.runInNewContext("new Int32Array([1])") as Int32Array, shape: [1] };
  close((await ops.embedding(ids, { data: Float32Array.of(9, 9, ...expected), shape: [2, 2] })).data);
});

test("views of shared memory and parts of arrays are accepted", async () => {
  const shared = new Float32Array(new SharedArrayBuffer(24), 8, 2);
  shared.set([0, 1]);
  close((await ops.softmax({ data: shared, shape: [2] })).data);
  close((await ops.softmax({ data: Float32Array.of(5, 0, 1, 5).subarray(1, 3), shape: [2] })).data);
  const out = new Float32Array(new SharedArrayBuffer(8));
  assert.is((await ops.softmax({ data: shared, shape: [2] }, { out })).data, out);
  close(out);
  const large = new Float32Array(new SharedArrayBuffer(4 << 20)).fill(1);
  const sum = await ops.reduceSum({ data: large, shape: [large.length] });
  assert.is(sum.data[0], large.length);
  const weight = { data: shared, shape: [2, 1, 1, 1, 1] };
  assert.equal(
    (await ops.conv3d({ data: Float32Array.of(3), shape: [1, 1, 1, 1, 1] }, weight)).data,
    Float32Array.of(0, 3),
  );
});

test("clamped bytes, as canvas provides them, are accepted", async () => {
  const data = Uint8ClampedArray.of(0, 128, 255);
  const attrs = { top: 0, left: 0, height: 1, width: 1, mean: [0, 0, 0], std: [1, 1, 1], spaceToDepth: false } as const;
  const frames = await ops.preprocess({ data, shape: [1, 1, 1, 1, 3] }, attrs);
  assert.ok(Math.abs(frames.data[1] - 128 / 255) < 1e-6);
});

test("16-bit floats are accepted as bits, and as Float16Array if Node has it", async () => {
  const bits = Uint16Array.of(0x3c00, 0x4000);
  const rows = { data: bits, shape: [2, 1] };
  const query = { data: Float32Array.of(2), shape: [1, 1] };
  assert.equal((await ops.topK(query, rows, { k: 2 })).values.data, Float32Array.of(4, 2));
  const Half = (globalThis as { Float16Array?: new (buffer: ArrayBuffer) => ops.Float16Values }).Float16Array;
  if (Half) {
    const data = new Half(bits.buffer);
    assert.equal((await ops.topK(query, { data, shape: [2, 1] }, { k: 2 })).values.data, Float32Array.of(4, 2));
  }
  await refused(() => ops.softmax(rows), /softmax: x: expected f32 on a CPU, received f16/, "ERR_DTYPE");
});

test("an array that does not hold a dtype is refused by its name, with advice", async () => {
  const softmax = (data: unknown, more = {}) => ops.softmax({ data, shape: [2], ...more } as never);
  await refused(
    () => softmax(new Float64Array(2)),
    /x\.data: .* received a Float64Array of 2 values \(Float32Array\.from\(x\)/,
  );
  await refused(() => softmax([1, 2]), /received \[1, 2\] \(Float32Array\.from\(x\)/);
  await refused(() => softmax(new BigInt64Array(2)), /BigInt64Array .*Int32Array\.from\(x, Number\)/);
  await refused(() => softmax(null), /x\.data: expected .* received null/);
  await refused(
    () => softmax(new Float32Array(2), { dtype: "float32" }),
    /x\.dtype: expected f32, for a Float32Array, received "float32"/,
  );
  await refused(() => softmax(new Float32Array(2), { dtype: "i32" }), /x\.dtype: expected f32/);
  const moved = new Float32Array(2);
  structuredClone(moved.buffer, { transfer: [moved.buffer] });
  await refused(() => softmax(moved), /its buffer is detached/);
  await refused(
    () => ops.softmax(new Float32Array(2) as never),
    /x: expected \{ data, shape \}, received a Float32Array of 2/,
  );
  await refused(() => ops.softmax(Promise.resolve() as never), /await it first/);
});

test("tensors of tfjs and onnxruntime are accepted", async () => {
  const tensor = {
    shape: [2],
    dtype: "float32",
    data: async () => new Float32Array(2),
    dataSync: () => new Float32Array(2),
  };
  await refused(
    () => ops.softmax(tensor as never),
    /of a tensor t of tfjs give \{ data: await t\.data\(\), shape: t\.shape \}/,
  );
  close((await ops.softmax({ data: Float32Array.of(0, 1), dims: [2] })).data);
});

test("changing the shape of a result changes no other shape", async () => {
  const shape = [1, 2];
  const y = await ops.softmax({ data: Float32Array.of(0, 1), shape });
  const z = await ops.slice({ data: Float32Array.of(0, 1), shape }, [0, 0], shape);
  shape[0] = 99;
  assert.equal([y.shape, z.shape], [[1, 2], [1, 2]]); // prettier-ignore
  y.shape[0] = 7;
  assert.equal((await ops.softmax({ data: Float32Array.of(0, 1), shape: [1, 2] })).shape, [1, 2]);
});

test.after(() => ops.dispose());
test.run();
