import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { input, parameter, scalar, trace, update } from "#lib/graph/trace.js";
import * as nn from "#lib/nn/layers.js";
import { createDevice } from "#lib/runtime/device.js";
import { compile } from "#lib/runtime/compile.js";
import { updateTests } from "./updates.js";

const test = suite("updates");
updateTests(test, "cpu");

test("an incorrect update of a parameter is refused", () => {
  const build = (body: () => void) => () =>
    trace(() => {
      body();
      return {};
    });
  const x = () => input("x", [2]);
  assert.throws(
    build(() => update(x(), x())),
    /update: expected a parameter/,
  );
  assert.throws(
    build(() => update(parameter("p", [3]), x())),
    /update of p: expected f32 \[3\], received f32 \[2\]/,
  );
  assert.throws(
    build(() => [1, 2].forEach(() => update(parameter("p", [2]), nn.relu(x())))),
    /parameter p is updated twice/,
  );
});

test("a parameter cannot be set while a run that updates it is pending", async () => {
  const device = createDevice({ threads: 1 });
  for (const key of ["p", "q"]) device.parameters.set(key, [2], Float32Array.of(1, 2));
  const graph = trace(() => {
    const p = parameter("p", [2]);
    update(p, nn.binary(p, parameter("q", [2]), "add"));
    return { y: nn.relu(p) };
  });
  const program = compile(graph, device);
  const running = [program.run({}), program.run({})];
  const set = (key: string) => device.parameters.set(key, [2], Float32Array.of(10, 20));
  assert.throws(() => set("p"), /parameter p: a run that updates it has not ended/);
  set("q"); // this run only reads it
  await running[0];
  await running[1];
  set("p");
  assert.equal([...device.parameters.get("p")], [10, 20]);
  program.dispose();
  device.dispose();
});

test("the error for a missing scalar names it", async () => {
  const device = createDevice({ threads: 1 });
  const program = compile(
    trace(() => ({ y: nn.binary(input("x", [2]), scalar("rate"), "mul") })),
    device,
  );
  const error = await program.run({ x: Float32Array.of(1, 2) }).catch((reason: Error) => reason);
  assert.match((error as Error).message, "scalar rate: expected 1 numbers, received nothing");
  device.dispose();
});

test("the references return new values too", () => {
  const graph = trace(() => {
    const p = parameter("p", [2]);
    update(p, nn.binary(p, scalar("rate"), "mul"));
    return { y: nn.relu(p) };
  });
  const array = (...values: number[]) => ({ shape: [values.length], data: Float64Array.from(values) });
  const results = evaluate64(graph, { rate: array(3) }, () => array(-1, 2));
  assert.equal([...results.y.data], [0, 2]);
  assert.equal([...results["update.p"].data], [-3, 6]);
});

test.run();
