// A call whose signal aborts before its end rejects, at whatever point the native run is.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { compile } from "#lib/runtime/compile.js";
import { input, trace } from "#lib/graph/trace.js";
import { unary } from "#lib/nn/layers.js";
import * as ops from "#lib/ops.js";
import { openDevice } from "#lib/eager/device.js";

const test = suite("abort");
const x = { data: new Float32Array(1 << 16), shape: [1 << 16] };
const reason = new Error("enough");

const settled = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "resolved",
    (error: unknown) => error,
  );

test("an abort during the only instruction rejects with its reason", async () => {
  await ops.unary(x, "tanh"); // compiles the program
  const { engine } = openDevice();
  const abort = new AbortController();
  // the run has ended when its signal aborts, but JavaScript has not received the result yet
  const original = Object.getPrototypeOf(engine).run as (...args: unknown[]) => {
    job: number;
    promise: Promise<unknown>;
  };
  Object.defineProperty(engine, "run", {
    configurable: true,
    value: (...args: unknown[]) => {
      const { job, promise } = original.apply(engine, args);
      return { job, promise: promise.then((buffers) => (abort.abort(reason), buffers)) };
    },
  });
  assert.is(await settled(ops.unary(x, "tanh", { signal: abort.signal })), reason);
  delete (engine as { run?: unknown }).run;
  assert.is(await settled(ops.unary(x, "tanh")), "resolved");
});

test("calls with an aborted signal reject, and so do waiting calls whose signal aborts", async () => {
  assert.is(await settled(ops.unary(x, "tanh", { signal: AbortSignal.abort(reason) })), reason);
  const abort = new AbortController();
  const runs = Array.from({ length: 4 }, () => settled(ops.unary(x, "tanh", { signal: abort.signal })));
  abort.abort(reason);
  assert.equal(await Promise.all(runs), [reason, reason, reason, reason]);
});

test("an abort after the device was disposed has no effect", async () => {
  const device = createDevice({ threads: 1 });
  const program = compile(trace(() => ({ y: unary(input("x", [1 << 16]), "tanh") })), device); // prettier-ignore
  const abort = new AbortController();
  const run = settled(program.run({ x: x.data }, { signal: abort.signal }));
  device.dispose();
  abort.abort(reason);
  assert.is(await run, reason);
});

test("a signal of another implementation aborts a call", async () => {
  const target = new EventTarget();
  const signal = Object.assign(target, { aborted: false, reason: undefined, throwIfAborted() {}, onabort: null });
  assert.is(await settled(ops.unary(x, "tanh", { signal })), "resolved");
});

test.after(() => ops.dispose());
test.run();
