// Runs, cancellation, disposal, wrong inputs.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { DeviceError, DisposedError, InvalidArgumentError } from "#lib/base/errors.js";
import { compile } from "#lib/runtime/compile.js";
import { ProgramCache } from "#lib/runtime/program_cache.js";
import { input, trace } from "#lib/graph/trace.js";
import * as nn from "#lib/nn/layers.js";
import * as ops from "#lib/ops.js";
import { isError, refused } from "../support/errors.js";

const test = suite("runtime");

const chain = (length: number) =>
  trace(() => {
    let y = input("x", [1, 4, 64, 64, 32]);
    for (let i = 0; i < length; i++) y = nn.unary(y, "tanh");
    return { y };
  });

async function rejects(promise: Promise<unknown>, check: (error: unknown) => boolean): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  assert.ok(error !== undefined && check(error), `rejected with ${error}`);
}

test("an abort rejects with the signal's reason, before and during a run", async () => {
  const device = createDevice({ threads: 1 });
  const program = compile(chain(400), device);
  const x = new Float32Array(4 * 64 * 64 * 32);
  const reason = new Error("enough");
  await rejects(program.run({ x }, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
  const abort = new AbortController();
  const run = program.run({ x }, { signal: abort.signal });
  setTimeout(() => abort.abort(reason), 20);
  await rejects(run, (error) => error === reason);
  device.dispose();
});

test("dispose rejects pending runs, and every later call has ERR_DISPOSED", async () => {
  const device = createDevice({ threads: 1 });
  const program = compile(chain(400), device);
  const x = new Float32Array(4 * 64 * 64 * 32);
  const runs = [program.run({ x }), program.run({ x })];
  const settled = Promise.allSettled(runs);
  await new Promise((resolve) => setTimeout(resolve, 20));
  device.dispose();
  device.dispose();
  for (const result of await settled) {
    assert.is(result.status, "rejected");
    assert.instance((result as PromiseRejectedResult).reason, DisposedError);
  }
  await rejects(program.run({ x }), (error) => (error as DisposedError).code === "ERR_DISPOSED");
  program.dispose();
});

test("memory of the device is read and written in place, and other arrays are copied", async () => {
  const device = createDevice({ threads: 2 });
  const program = compile(chain(2), device);
  const length = 4 * 64 * 64 * 32;
  const x = device.allocate(length);
  for (let i = 0; i < length; i++) x[i] = Math.sin(i);
  const expected = (await program.run({ x: x.slice() })).y;
  for (const y of [device.allocate(length), new Float32Array(length), device.allocate(length + 16).subarray(16)]) {
    assert.is((await program.run({ x }, { outputs: { y } })).y, y);
    assert.equal(Buffer.compare(Buffer.from(y.buffer, y.byteOffset, 4 * length), Buffer.from(expected.buffer)), 0);
  }
  // Node copies foreign memory when it is transferred: the run still reads the same bytes
  const run = program.run({ x });
  const moved = structuredClone(x, { transfer: [x.buffer as ArrayBuffer] });
  assert.is(Buffer.compare(Buffer.from((await run).y.buffer), Buffer.from(expected.buffer)), 0);
  assert.is(moved[1], Math.fround(Math.sin(1)));
  const wrong: Record<string, Float32Array>[] = [
    { z: expected },
    { y: new Float32Array(3) },
    { y: [1] as unknown as Float32Array },
  ];
  for (const outputs of wrong)
    await rejects(program.run({ x: moved }, { outputs }), (error) => error instanceof InvalidArgumentError);
  assert.throws(
    () => device.allocate(-1),
    (error: unknown) => error instanceof InvalidArgumentError,
  );
  device.dispose();
  moved[0] = 1; // this memory outlives the device
});

test("errors name wrong inputs", async () => {
  const device = createDevice({ threads: 1 });
  const program = compile(chain(1), device);
  await refused(program.run({}), /input x/, InvalidArgumentError);
  await rejects(program.run({ x: new Float32Array(3) }), (error) => error instanceof InvalidArgumentError);
  device.dispose();
  assert.throws(
    () => createDevice({ threads: 0 }),
    (error: unknown) => error instanceof InvalidArgumentError,
  );
  assert.throws(() => createDevice({ device: "cuda" }), isError(DeviceError, /CUDA cannot be used: /));
  await rejects(
    ops.unary({ data: new Float32Array(3), shape: [4] }, "relu"),
    (error) => error instanceof InvalidArgumentError,
  );
});

test("the cache drops the least recently used programs when its limit is exceeded", () => {
  const device = createDevice({ threads: 1 });
  const one = compile(chain(2), device);
  const cache = new ProgramCache(one.bytes * 2);
  for (const key of ["a", "b", "a", "c"]) cache.get(key, () => compile(chain(2), device));
  assert.is(cache.size, 2);
  let made = 0;
  cache.get("a", () => {
    made++;
    return compile(chain(2), device);
  });
  assert.is(made, 0);
  cache.clear();
  device.dispose();
});

test.after(() => ops.dispose());
test.run();
