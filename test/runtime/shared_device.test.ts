// Devices that share an engine have separate parameters, programs and disposal.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice, type Device } from "#lib/runtime/device.js";
import { compile } from "#lib/runtime/compile.js";
import { input, trace } from "#lib/graph/trace.js";
import { linear } from "#lib/nn/layers.js";

const test = suite("shared devices");

/** y = w x + b for one number x, with the parameters `layer.weight` and `layer.bias` of the device. */
function line(device: Device, weight: number, bias: number) {
  device.parameters.set("layer.weight", [1, 1], Float32Array.of(weight));
  device.parameters.set("layer.bias", [1], Float32Array.of(bias));
  const program = compile(
    trace(() => ({ y: linear(input("x", [1, 1]), "layer", 1) })),
    device,
  );
  return async (x: number) => (await program.run({ x: Float32Array.of(x) })).y[0];
}

test("two models with the same keys keep separate values", async () => {
  const device = createDevice({ device: "cpu", threads: 1 });
  const [a, b] = [createDevice({ device }), createDevice({ device })];
  const [first, second] = [line(a, 2, 1), line(b, 3, 5)];
  assert.equal([await first(10), await second(10)], [21, 35]);
  assert.is(a.threads, 1);
  device.dispose();
});

test("disposing a shared device leaves the others, and disposing the owner ends all", async () => {
  const device = createDevice({ device: "cpu", threads: 1 });
  const before = device.memory().parameters;
  const [a, b] = [createDevice({ device }), createDevice({ device })];
  const [first, second] = [line(a, 2, 1), line(b, 3, 5)];
  await first(1);
  await second(1);
  a.dispose();
  a.dispose();
  assert.ok(a.disposed);
  assert.is(await second(10), 35);
  const left = device.memory().parameters;
  b.dispose();
  assert.is(device.memory().parameters, before);
  assert.ok(left > before);
  assert.not(device.disposed);
  const c = createDevice({ device });
  device.dispose();
  assert.ok(c.disposed);
  assert.throws(
    () => c.memory(),
    (error: { code: string }) => error.code === "ERR_DISPOSED",
  );
});

test("a run on a shared device that is disposed rejects", async () => {
  const device = createDevice({ device: "cpu", threads: 1 });
  const a = createDevice({ device });
  const first = line(a, 2, 1);
  await first(1);
  const running = first(2);
  a.dispose();
  const outcome = await running.then(
    (y) => y,
    (error: { code: string }) => error.code,
  );
  assert.ok(outcome === 5 || outcome === "ERR_DISPOSED", String(outcome));
  await first(3).then(
    () => assert.unreachable("a disposed device computes"),
    (error: { code: string }) => assert.is(error.code, "ERR_DISPOSED"),
  );
  device.dispose();
});

test("threads and precision are validated", () => {
  const device = createDevice({ device: "cpu", threads: 1 });
  const code = (options: object) => {
    try {
      createDevice({ device, ...options });
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  assert.is(code({ threads: 2 }), "ERR_INVALID_ARGUMENT");
  assert.is(code({ precision: "f16" }), "ERR_PRECISION_UNAVAILABLE");
  assert.is(code({ precision: "f8" }), "ERR_INVALID_ARGUMENT");
  assert.is(code({ threads: 1, precision: "f32" }), undefined);
  device.dispose();
  assert.is(code({}), "ERR_DISPOSED");
});

test.run();
