// An input can be a list of arrays: they are joined, padded with zeros, and read from shared memory by the engine's
// thread.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { compile } from "#lib/runtime/compile.js";
import { input, trace } from "#lib/graph/trace.js";
import { linear } from "#lib/nn/layers.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const test = suite("list inputs");
const N = 6;
const device = createDevice({ device: "cpu", threads: 1 });
device.parameters.set("l.weight", [1, 2], Float32Array.of(1, 10));
device.parameters.set("l.bias", [1], Float32Array.of(0.5));
const program = compile(
  trace(() => ({ y: linear(input("x", [N, 2]), "l", 1) })),
  device,
);
test.after(() => device.dispose());

const shared = (...values: number[]) => {
  const array = new Float32Array(new SharedArrayBuffer(4 * values.length));
  array.set(values);
  return array;
};
const run = async (x: readonly Float32Array[]) => [...(await program.run({ x })).y];

test("arrays follow one another, and the rest of the input is zero", async () => {
  await program.run({ x: new Float32Array(2 * N).fill(7) }); // the buffer is reused
  assert.equal(await run([Float32Array.of(1, 2, 3, 4), shared(5, 6)]), [21.5, 43.5, 65.5, 0.5, 0.5, 0.5]);
  assert.equal(await run([]), [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
  const whole = Float32Array.from({ length: 2 * N }, (_, i) => i);
  const parts = [shared(0, 1), whole.subarray(2, 4), shared(4, 5, 6), whole.subarray(7, 12)];
  assert.equal(await run(parts), [...(await program.run({ x: whole })).y]);
  const offset = shared(9, 9, 1, 2, 9).subarray(2, 4);
  assert.is((await run([offset]))[0], 21.5);
});

test("unshared arrays are copied immediately, and shared ones are kept until they are read", async () => {
  const own = Float32Array.of(1, 2);
  const first = run([own]);
  own.fill(100);
  structuredClone(own, { transfer: [own.buffer] });
  assert.is((await first)[0], 21.5);
  // many runs wait, and no other code holds their arrays
  const runs = Array.from({ length: 50 }, (_, i) => run([shared(i, 0), shared(0, i)]));
  for (let i = 0; i < 3; i++) collect();
  (await Promise.all(runs)).forEach((y, i) => assert.equal(y.slice(0, 3), [i + 0.5, 10 * i + 0.5, 0.5]));
});

test("unshared arrays are copied even if the weights have to be derived first", async () => {
  const other = createDevice({ device });
  other.parameters.set("l.weight", [1, 2], Float32Array.of(1, 10));
  other.parameters.set("l.bias", [1], Float32Array.of(0));
  const fresh = compile(
    trace(() => ({ y: linear(input("x", [N, 2]), "l", 1) })),
    other,
  );
  const own = Float32Array.of(1, 2);
  const first = fresh.run({ x: [own] });
  own.fill(100);
  assert.is((await first).y[0], 21);
  other.dispose();
});

test("a list of arrays that do not fit is refused", async () => {
  const message = async (x: unknown) => {
    const error = await program.run({ x: x as Float32Array[] }).catch((reason: Error & { code?: string }) => reason);
    assert.is((error as { code?: string }).code, "ERR_INVALID_ARGUMENT");
    return (error as Error).message;
  };
  const two = await message([new Float32Array(8), shared(1, 2, 3, 4, 5)]);
  assert.match(two, /expected a Float32Array of 12 values.*a list of a Float32Array of 8 values, a Float32Array of 5/);
  assert.match(await message([new Uint8Array(2)]), /a list of a Uint8Array of 2 values/);
  assert.match(await message([[1, 2]]), /a list of \[1, 2\]/);
  assert.match(await message([null]), /a list of null/);
});

test("a shared array can be an entire input: it is copied immediately", async () => {
  const x = shared(...Array.from({ length: 2 * N }, (_, i) => i));
  const first = program.run({ x });
  x.fill(0);
  assert.is((await first).y[1], 32.5);
});

test("jobs with lists end when the device is disposed", async () => {
  const own = createDevice({ device: "cpu", threads: 1 });
  own.parameters.set("l.weight", [1, 2], Float32Array.of(1, 10));
  own.parameters.set("l.bias", [1], Float32Array.of(0));
  const short = compile(
    trace(() => ({ y: linear(input("x", [N, 2]), "l", 1) })),
    own,
  );
  await short.run({ x: [shared(1, 2)] });
  const runs = Promise.allSettled(Array.from({ length: 20 }, () => short.run({ x: [shared(1, 2)] })));
  own.dispose();
  for (const end of await runs) {
    if (end.status === "rejected") assert.is((end.reason as { code: string }).code, "ERR_DISPOSED");
    else assert.is(end.value.y[0], 21);
  }
});

test.run();
