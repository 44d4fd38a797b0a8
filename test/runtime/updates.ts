// Programs that update parameters, as tests that run on several devices.
import * as assert from "uvu/assert";
import { createDevice, type DeviceName } from "#lib/runtime/device.js";
import { compile } from "#lib/runtime/compile.js";
import { input, parameter, scalar, trace, update } from "#lib/graph/trace.js";
import * as nn from "#lib/nn/layers.js";

type Test = (name: string, body: () => Promise<void>) => void;
const list = (values: Float32Array) => [...values];

export function updateTests(test: Test, deviceName: DeviceName): void {
  const open = (values: Record<string, number[]>) => {
    const device = createDevice({ device: deviceName, threads: 2 });
    for (const [key, data] of Object.entries(values)) {
      device.parameters.set(key, [data.length], Float32Array.from(data));
    }
    return device;
  };

  test("a sum is kept between runs, in place and scaled by a scalar", async () => {
    const device = open({ sum: [1, 2, 3] });
    const graph = trace(() => {
      const sum = parameter("sum", [3]);
      const next = nn.binary(sum, nn.binary(input("x", [3]), scalar("rate"), "mul"), "add");
      update(sum, next);
      return { next, before: nn.unary(sum, "relu") };
    });
    const program = compile(graph, device);
    assert.equal(program.instructions.map(({ op }) => op).sort(), ["binary", "binary", "slice", "unary"]);
    const x = Float32Array.of(1, 10, 100);
    assert.equal(list((await program.run({ x, rate: 2 })).before), [1, 2, 3]);
    const second = await program.run({ x, rate: [0.5] });
    assert.equal(list(second.before), [3, 22, 203]);
    assert.equal(list(second.next), [3.5, 27, 253]);
    assert.equal(list(device.parameters.get("sum")), [3.5, 27, 253]);
    device.dispose();
  });

  test("a timed run updates once", async () => {
    const device = open({ sum: [1, 2, 3] });
    const graph = trace(() => {
      const sum = parameter("sum", [3]);
      update(sum, nn.binary(sum, input("x", [3]), "add"));
      return { before: nn.unary(sum, "relu") };
    });
    const program = compile(graph, device);
    for (let run = 1; run <= 3; run++) {
      assert.ok((await program.time({ x: Float32Array.of(1, 10, 100) })) >= 0);
      assert.equal(list(device.parameters.get("sum")), [1 + run, 2 + 10 * run, 3 + 100 * run]);
    }
    device.dispose();
  });

  test("every reader uses the old value: swaps, cycles and views", async () => {
    const device = open({ a: [1, 2], b: [30, 40], c: [500, 600], d: [0, 0] });
    const graph = trace(() => {
      const [a, b, c, d] = ["a", "b", "c", "d"].map((key) => parameter(key, [2]));
      update(a, b);
      update(b, nn.binary(a, c, "add"));
      update(c, nn.binary(c, nn.binary(c, a, "add"), "max"));
      update(d, nn.concat([nn.slice(a, [0], [1]), nn.slice(d, [1], [1])], 0));
      return { sum: nn.binary(nn.reshape(c, [2, 1]), nn.reshape(b, [2, 1]), "add") };
    });
    const program = compile(graph, device);
    const { sum } = await program.run({});
    assert.equal(list(sum), [530, 640]);
    const values = () => ["a", "b", "c", "d"].map((key) => list(device.parameters.get(key)));
    assert.equal(values(), [
      [30, 40],
      [501, 602],
      [501, 602],
      [1, 0],
    ]);
    assert.equal(list((await program.run({})).sum), [1002, 1204]);
    assert.equal(values(), [
      [501, 602],
      [531, 642],
      [531, 642],
      [30, 0],
    ]);
    device.dispose();
  });

  test("programs that run after an update pack the new weights", async () => {
    const device = open({ "layer.bias": [0, 0, 0] });
    const weight = Float32Array.from({ length: 12 }, (_, i) => i);
    device.parameters.set("layer.weight", [3, 4], weight);
    const layer = () => nn.linear(input("x", [1, 4]), "layer", 3);
    const inference = compile(
      trace(() => ({ y: layer() })),
      device,
    );
    const training = compile(
      trace(() => {
        const y = layer();
        const w = parameter("layer.weight", [3, 4]);
        update(w, nn.binary(w, w, "add"));
        return { y };
      }),
      device,
    );
    const x = Float32Array.of(1, 1, 1, 1);
    assert.equal(list((await inference.run({ x })).y), [6, 22, 38]);
    assert.equal(list((await training.run({ x })).y), [6, 22, 38]);
    // not awaited, because jobs run in queue order
    const [, after, again] = await Promise.all([training.run({ x }), inference.run({ x }), training.run({ x })]);
    assert.equal(list(after.y), [24, 88, 152]);
    assert.equal(list(again.y), [24, 88, 152]);
    assert.equal(list((await inference.run({ x })).y), [48, 176, 304]);
    device.dispose();
  });
}
