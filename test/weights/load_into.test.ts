// The single loader of weights: one error for all keys, given and generated values, renames, aborts, and a free event
// loop.
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { WeightsError } from "#lib/base/errors.js";
import { openWeights, type StoredTensor, writeSafetensors } from "#lib/weights/index.js";
import { loadInto } from "#lib/weights/load_into.js";
import { renameKeys } from "#lib/weights/rename.js";
import { stored } from "#lib/weights/tensor.js";
import { HalfTensor, type PickleValue, writeTorchFile } from "../models/torch_file.js";
import { bytesOf } from "../support/numbers.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("load into");
const root = temporaryFolder("load");

const f32 = (shape: readonly number[], ...values: number[]): StoredTensor =>
  stored(shape, () => Float32Array.from(values), "f32");

/** A store that records its values. */
function memory() {
  const values = new Map<string, { shape: readonly number[]; data: Float32Array | Uint16Array }>();
  return {
    values,
    set: (key: string, shape: readonly number[], data: Float32Array | Uint16Array) =>
      void values.set(key, { shape, data }),
    get: (key: string) => [...values.get(key)!.data],
  };
}

function write(name: string, tensors: Record<string, StoredTensor>): string {
  const path = join(root, name);
  writeSafetensors(path, new Map(Object.entries(tensors)));
  return path;
}

test("one error lists every missing, unexpected and wrong-shaped key, and no value is put", async () => {
  const path = write("keys.safetensors", { a: f32([2], 1, 2), b: f32([3], 1, 2, 3), x: f32([1], 0), old: f32([1], 0) });
  const store = memory();
  const shapes = new Map([
    ["a", [2]],
    ["b", [1, 3]],
    ["c", [1]],
    ["d", [1]],
  ]);
  const error = await rejection(loadInto(store, path, { shapes, ignored: /^old$/ }));
  assert.instance(error, WeightsError);
  assert.is(
    error.message,
    `${path} does not fit the model; 2 missing: c, d; 1 of the wrong shape: b (expected [1, 3], found [3]); 1 unexpected: x`,
  );
  assert.equal((error as WeightsError).details.expected, ["c", "d"]);
  assert.equal((error as WeightsError).details.received, ["x"]);
  assert.is(store.values.size, 0);
});

test("renames apply, given values replace those of the file, and generated ones complete it", async () => {
  const path = write("given.safetensors", { "net.a": f32([2], 1, 2), "net.b": f32([1], 3), "net.t": f32([9], 0, 0, 0, 0, 0, 0, 0, 0, 0) }); // prettier-ignore
  const shapes = new Map([
    ["a", [2]],
    ["b", [1]],
    ["t", [2]],
    ["new", [1]],
  ]);
  const given = new Map([["t", Float32Array.of(7, 8)]]);
  const fallback = (key: string, shape: readonly number[]) => {
    return key === "new" || key === "a" ? () => new Float32Array(shape[0]).fill(5) : undefined;
  };
  for (const rename of [[[/^net\./, ""]] as const, renameKeys((key) => key.slice(4))]) {
    const store = memory();
    const loaded = await loadInto(store, path, { shapes, rename, given, fallback });
    assert.equal([...store.values.keys()], [...shapes.keys()]);
    assert.equal(["a", "b", "t", "new"].map(store.get), [[1, 2], [3], [7, 8], [5]]); // values of the file precede generated ones
    assert.match(loaded.hash, /^[0-9a-f]{16}$/);
  }
  const error = await rejection(loadInto(memory(), path, { shapes, rename: [[/^net\./, ""]], given }));
  assert.match(error.message, /; 1 missing: new \(keys as the model has them\)$/);
  const both = await rejection(loadInto(memory(), path, { shapes, rename: [[/^net\..*/, "a"]] }));
  assert.match(both.message, /two tensors are a: net\.\w is one of them/);
});

test("open weights stay open, and shapes can be derived from them", async () => {
  const path = write("open.safetensors", { a: f32([2], 1, 2), head: f32([3], 1, 2, 3) });
  const file = await openWeights(path);
  const store = memory();
  const { shapes, hash } = await loadInto(store, file, {
    shapes: (tensors) => new Map([...tensors].map(([key, { shape }]) => [key, shape])),
  });
  assert.equal([...shapes], [["a", [2]], ["head", [3]]]); // prettier-ignore
  assert.is(hash, file.sha256.slice(0, 16));
  assert.equal([...file.tensors.get("a")!.read()].length, 8);
  file.close();
  await rejection(loadInto(store, file, { shapes: new Map([["a", [2]]]), ignored: /^/ }));
});

/** About 100 MB in three tensors, and many small ones. */
const LARGE = 8 << 20;
const large = Float32Array.from({ length: LARGE }, (_, i) => i % 1000);
const sources: Record<string, () => string> = {
  safetensors() {
    const tensors: Record<string, StoredTensor> = {};
    for (const key of ["a", "b", "c"]) tensors[key] = stored([LARGE], () => large, "f32");
    for (let i = 0; i < 200; i++) tensors[`small.${i}`] = f32([2], i, -i);
    return write("large.safetensors", tensors);
  },
  "halves in a checkpoint"() {
    const path = join(root, "large.pt");
    const state = new Map<string, PickleValue>();
    const part = large.subarray(0, LARGE / 4);
    for (const key of ["a", "b", "c"]) state.set(key, new HalfTensor([part.length], part));
    writeTorchFile(path, state);
    return path;
  },
};

for (const [name, make] of Object.entries(sources)) {
  test(`timers run while ${name} load, and an abort ends the loading`, async () => {
    const path = make();
    const shapes = (tensors: ReadonlyMap<string, StoredTensor>) =>
      new Map([...tensors].map(([key, { shape }]) => [key, shape]));
    const store = memory();
    let ticks = 0;
    const atPut: number[] = [];
    const counting = { set: (...args: Parameters<typeof store.set>) => (store.set(...args), void atPut.push(ticks)) };
    let turn: NodeJS.Immediate;
    const tick = () => {
      ticks++;
      turn = setImmediate(tick);
    };
    tick();
    await loadInto(counting, path, { shapes });
    clearImmediate(turn!);
    assert.ok(atPut[0] >= 5, `${atPut[0]} turns of the event loop before the first tensor`);
    const between = ["a", "b", "c"].map((key) => atPut[[...store.values.keys()].indexOf(key)]);
    assert.ok(between[0] < between[1] && between[1] < between[2], `turns before each tensor: ${between.join(", ")}`);
    for (const key of ["a", "b", "c"]) {
      const { data } = store.values.get(key)!;
      const expected = large.subarray(0, data.length);
      assert.is(Buffer.compare(bytesOf(data), bytesOf(expected)), 0); // prettier-ignore
    }

    // aborted at the first tensor: no other is put
    const stop = new AbortController();
    const reason = new Error("enough");
    const keys: string[] = [];
    const aborting = { set: (key: string) => (keys.push(key), stop.abort(reason)) };
    assert.is(await rejection(loadInto(aborting, path, { shapes, signal: stop.signal })), reason);
    assert.is(keys.length, 1);
    // aborted while the checksum is computed
    const early = new AbortController();
    setImmediate(() => early.abort(reason));
    assert.is(await rejection(loadInto(memory(), path, { shapes, signal: early.signal })), reason);
    assert.is(await rejection(loadInto(memory(), path, { shapes, signal: AbortSignal.abort(reason) })), reason);
  });
}

test("large tensors are sent to a device in parts, and an existing one is replaced at once", async () => {
  const path = sources.safetensors();
  const device = createDevice({ device: "cpu", threads: 1 });
  const store = device.parameters;
  const shapes = new Map([
    ["a", [LARGE]],
    ["small.3", [2]],
    ["b", [LARGE]],
  ]);
  const before = device.memory().parameters;
  let turns = 0;
  let turn: NodeJS.Immediate;
  const tick = () => {
    turns++;
    turn = setImmediate(tick);
  };
  const file = await openWeights(path);
  tick();
  await loadInto(store, file, { shapes, ignored: /^/ });
  clearImmediate(turn!);
  assert.ok(turns >= 8, `${turns} turns of the event loop while 64 MB were put`);
  assert.is(device.memory().parameters - before, 4 * (2 * LARGE + 2));
  const equal = (values: Float32Array) =>
    Buffer.compare(new Uint8Array(values.buffer), new Uint8Array(large.buffer)) === 0;
  assert.ok(equal(store.get("a")) && equal(store.get("b")));
  assert.equal([...store.get("small.3")], [3, -3]);
  assert.is(store.begin("a", [LARGE]), undefined, "a program may be reading it");
  await loadInto(store, file, { shapes: new Map([["a", [LARGE]]]), ignored: /^/ });
  assert.ok(equal(store.get("a")));

  // aborted in the middle of a tensor: no part of it is kept
  const stop = new AbortController();
  const reason = new Error("enough");
  const slow = new Map([["c", { ...file.tensors.get("c")!, async *parts() { yield new Uint8Array(4 << 20); stop.abort(reason); stop.signal.throwIfAborted(); } }]]); // prettier-ignore
  const used = device.memory().parameters;
  const options = { shapes: new Map([["c", [LARGE]]]), signal: stop.signal };
  assert.is(await rejection(loadInto(store, { ...file, tensors: slow }, options)), reason);
  assert.is(device.memory().parameters, used);
  assert.not.ok(store.has("c"));
  // parts of the wrong total size
  const short = new Map([["c", { ...file.tensors.get("c")!, async *parts() { yield new Uint8Array(4 << 20); } }]]); // prettier-ignore
  const error = await rejection(loadInto(store, { ...file, tensors: short }, { shapes: options.shapes }));
  assert.match(error.message, /parameter c: expected 8388608 values once, received 1048576/);
  assert.is(device.memory().parameters, used);
  file.close();
  device.dispose();
});

test("a file that is truncated while it is loaded causes an error", async () => {
  const path = write("short.safetensors", {
    a: stored([1 << 20], () => large.subarray(0, 1 << 20), "f32"),
    b: f32([1], 1),
  });
  const file = await openWeights(path);
  truncateSync(path, 1 << 20);
  const error = await rejection(loadInto(memory(), file, { shapes: new Map([["a", [1 << 20]], ["b", [1]]]) })); // prettier-ignore
  assert.instance(error, WeightsError);
  assert.match(error.message, /the file became shorter while it was read/);
  file.close();
});

test.run();
