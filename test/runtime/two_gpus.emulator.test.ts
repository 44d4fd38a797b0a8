// The executor on the emulator's strict driver: two devices at once, copies that run as early or as late as they may, and checks
// after each instruction. test/native/emulator/executor.cc has the cases that need exact timing.
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoClipError } from "#lib/base/errors.js";
import { input, parameter, trace } from "#lib/graph/trace.js";
import * as nn from "#lib/nn/layers.js";
import { loadAddon } from "#lib/runtime/binding.js";
import { compile } from "#lib/runtime/compile.js";
import { createDevice, type Device } from "#lib/runtime/device.js";

const test = suite("two GPUs");
const emulator = loadAddon().addon.emulator!;
const SIZE = 1000;

/** y = x + b */
const sum = () => trace(() => ({ y: nn.binary(input("x", [SIZE]), parameter("b", [SIZE]), "add") }));
const filled = (value: number) => new Float32Array(SIZE).fill(value);

function openDevices(): [Device, Device] {
  return [createDevice({ device: "cuda-emulated" }), createDevice({ device: "cuda-emulated:1" })];
}

for (const early of [false, true]) {
  const when = early ? "early" : "late";

  test(`two devices run at the same time, with ${when} copies`, async () => {
    emulator.setEarlyCopies(early);
    const devices = openDevices();
    const programs = devices.map((device, i) => {
      device.parameters.set("b", [SIZE], filled(100 * (i + 1)));
      return compile(sum(), device);
    });
    const runs = Array.from({ length: 16 }, (_, i) => programs[i % 2].run({ x: filled(i) }));
    for (const [i, { y }] of (await Promise.all(runs)).entries()) assert.equal(y, filled(i + 100 * ((i % 2) + 1)));
    devices[0].dispose();
    assert.equal((await programs[1].run({ x: filled(1) })).y, filled(201));
    devices[1].dispose();
    emulator.setEarlyCopies(false);
  });
}

test("a run copies no pageable memory, which would wait for the copies before it", async () => {
  const device = createDevice({ device: "cuda-emulated" });
  device.parameters.set("b", [SIZE], filled(1));
  const program = compile(sum(), device);
  const { pageableCopies } = emulator.counters();
  for (const value of [1, 2, 3]) assert.equal((await program.run({ x: filled(value) })).y, filled(value + 1));
  assert.is(emulator.counters().pageableCopies, pageableCopies);
  device.dispose();
});

test("there is no third device", () => {
  assert.throws(
    () => createDevice({ device: "cuda-emulated:2" }),
    (error: unknown) => error instanceof VideoClipError && /no such device/.test(error.message),
  );
});

test("with VIDEOCLIP_CUDA_CHECK an error names op, layer and instruction", () => {
  const script = `
    import { loadAddon } from "#lib/runtime/binding.js";
    import { compile } from "#lib/runtime/compile.js";
    import { createDevice } from "#lib/runtime/device.js";
    import { input, scope, trace } from "#lib/graph/trace.js";
    import { linear } from "#lib/nn/layers.js";
    loadAddon().addon.emulator.setSharedLimit(48 * 1024);
    const device = createDevice({ device: "cuda-emulated", precision: "bf16" });
    const graph = trace(() => scope("encoder.0", () => ({ y: linear(input("x", [512, 512]), "w", 512) })));
    for (const [key, shape] of [["w.weight", [512, 512]], ["w.bias", [512]]])
      device.parameters.set(key, shape, new Float32Array(shape.reduce((a, b) => a * b)));
    const program = compile(graph, device);
    for (const run of ["run", "profile"])
      await program[run]({ x: new Float32Array(512 * 512) }).catch((error) => console.log(error.message));
  `;
  const run = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    env: { ...process.env, VIDEOCLIP_CUDA_CHECK: "1" },
    encoding: "utf8",
  });
  const lines = run.stdout.trim().split("\n");
  assert.is(lines.length, 2, run.stderr);
  for (const line of lines)
    assert.match(
      line,
      /linear \(layer encoder\.0.*, instruction \d+ of \d+\): CUDA_ERROR_INVALID_VALUE: .* the limit of this device/,
    );
});

test("a lost device fails every run with ERR_DEVICE_LOST and the driver's name of the error, and can be disposed", () => {
  const script = `
    import { loadAddon } from "#lib/runtime/binding.js";
    import { compile } from "#lib/runtime/compile.js";
    import { createDevice } from "#lib/runtime/device.js";
    import { input, trace } from "#lib/graph/trace.js";
    import * as nn from "#lib/nn/layers.js";
    const device = createDevice({ device: "cuda-emulated" });
    const program = compile(trace(() => ({ y: nn.unary(input("x", [4]), "relu") })), device);
    const run = () => program.run({ x: new Float32Array(4) }).then(() => "done", ({ code, message }) => code + " " + message);
    console.log(await run());
    loadAddon().addon.emulator.loseDevice();
    console.log(await run());
    console.log(await run());
    device.dispose();
    console.log("disposed");
  `;
  const run = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    encoding: "utf8",
  });
  const lines = run.stdout.trim().split("\n");
  assert.is(run.status, 0, run.stderr);
  assert.is(lines[0], "done");
  for (const line of lines.slice(1, 3))
    assert.match(line, /^ERR_DEVICE_LOST .*only a new process.*CUDA_ERROR_ILLEGAL_ADDRESS/);
  assert.is(lines[3], "disposed");
});

test.run();
