// The runtime of GPU devices: graphs on streams, two jobs at a time, changed parameters, full memory, cancelling,
// disposal. It runs on the emulator, whose copies happen only when somebody waits for them, or on a GPU with
// VIDEOCLIP_DEVICE=cuda.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadAddon } from "#lib/runtime/binding.js";
import { createDevice, type DeviceName } from "#lib/runtime/device.js";
import { DisposedError, OutOfMemoryError } from "#lib/base/errors.js";
import { compile } from "#lib/runtime/compile.js";
import { input, parameter, trace } from "#lib/graph/trace.js";
import * as nn from "#lib/nn/layers.js";
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { resolvePreset } from "#lib/video/presets.js";
import { recorded } from "../support/journal.js";

const cases = suite("GPU runtime");
const test = (title: string, body: () => Promise<void>) => cases(title, recorded("runtime", title, body));
const name = (process.env.VIDEOCLIP_DEVICE ?? "cuda-emulated") as DeviceName;
/** A test build has the emulator even if the tests run on a GPU, whose memory it cannot limit. */
const emulator = name.startsWith("cuda-emulated") ? loadAddon().addon.emulator : undefined;
const length = 5 * 1000;

/** y = relu(x + b), twice over. */
const graph = () =>
  trace(() => {
    const x = nn.binary(input("x", [5, 1000]), parameter("b", [1000]), "add");
    return { y: nn.unary(nn.binary(x, parameter("b", [1000]), "add"), "relu") };
  });

const values = (seed: number) => Float32Array.from({ length }, (_, i) => ((i * 7 + seed * 13) % 101) - 50);
const bias = (seed: number) => Float32Array.from({ length: 1000 }, (_, i) => ((i * 3 + seed) % 17) - 8);
const expected = (x: Float32Array, b: Float32Array) => x.map((v, i) => Math.max(0, v + 2 * b[i % 1000]));

async function reason(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.unreachable("must reject"),
    (error) => error,
  );
}

test("many pending runs give their results, whatever happens to their inputs afterwards", async () => {
  const device = createDevice({ device: name });
  device.parameters.set("b", [1000], bias(1));
  const program = compile(graph(), device);
  const results = Array.from({ length: 12 }, (_, seed) => {
    const x = values(seed);
    const run = program.run({ x });
    x.fill(Number.NaN); // the run has a copy
    return run;
  });
  for (const [seed, { y }] of (await Promise.all(results)).entries()) assert.equal(y, expected(values(seed), bias(1)));
  const x = device.allocate(length);
  x.set(values(99));
  const y = device.allocate(length);
  assert.is((await program.run({ x }, { outputs: { y } })).y, y);
  assert.equal(y.slice(), expected(values(99), bias(1)));
  device.dispose();
});

test("runs read and write pinned memory in place, beside other arrays", async () => {
  const device = createDevice({ device: name });
  device.parameters.set("b", [1000], bias(1));
  const program = compile(graph(), device);
  // small buffers, of which two may be on the same page, and large ones, filled again for each run
  const sizes = [1000, 500, 500, 2000, 1000];
  const memory = sizes.map((size) => new Float32Array(new SharedArrayBuffer(4 * size)));
  const pinned = memory.filter((_, i) => i !== 2);
  const target = new Float32Array(new SharedArrayBuffer(4 * length));
  for (const { buffer } of [...pinned, target]) device.pin(buffer);
  for (const seed of [1, 2, 3, 4]) {
    const x = values(seed);
    memory.reduce((at, array) => (array.set(x.subarray(at, at + array.length)), at + array.length), 0);
    const { y } = await program.run({ x: memory }, { outputs: { y: target } });
    assert.equal(y.slice(), expected(x, bias(1)));
  }
  for (const call of [() => device.pin(target.buffer), () => device.unpin(memory[2].buffer)]) {
    assert.throws(call, (error: { code?: string }) => error.code === "ERR_INVALID_ARGUMENT");
  }
  const run = program.run({ x: [target] });
  assert.throws(() => device.unpin(target.buffer), (error: { code?: string }) => error.code === "ERR_BUSY"); // prettier-ignore
  await run;
  for (const { buffer } of [...pinned, target]) device.unpin(buffer);
  const x = values(5);
  assert.equal((await program.run({ x: [x] })).y, expected(x, bias(1)));
  device.dispose();
});

test("the next run uses a changed parameter", async () => {
  const device = createDevice({ device: name });
  device.parameters.set("b", [1000], bias(1));
  const program = compile(graph(), device);
  for (const seed of [1, 2, 3]) {
    device.parameters.set("b", [1000], bias(seed));
    assert.equal((await program.run({ x: values(seed) })).y, expected(values(seed), bias(seed)));
    assert.equal(device.parameters.get("b"), bias(seed));
  }
  const { parameters } = device.memory();
  assert.is(parameters, 4000);
  device.dispose();
});

test("several programs share the arena; a disposed one frees its memory", async () => {
  const device = createDevice({ device: name });
  device.parameters.set("b", [1000], bias(4));
  const [first, second] = [compile(graph(), device), compile(graph(), device)];
  const runs = [first, second, first, second].map((program, seed) => program.run({ x: values(seed) }));
  for (const [seed, { y }] of (await Promise.all(runs)).entries()) assert.equal(y, expected(values(seed), bias(4)));
  first.dispose();
  assert.equal((await second.run({ x: values(7) })).y, expected(values(7), bias(4)));
  device.dispose();
});

test("profile times every instruction", async () => {
  const device = createDevice({ device: name });
  device.parameters.set("b", [1000], bias(1));
  const times = await compile(graph(), device).profile({ x: values(1) });
  assert.equal(
    times.map(({ op }) => op),
    ["binary", "binary", "unary"],
  );
  for (const { ms } of times) assert.ok(ms >= 0 && ms < 10_000, `${ms} ms`);
  device.dispose();
});

test("a whole run is timed without a graph at first, then as a graph, and gives its outputs", async () => {
  const device = createDevice({ device: name });
  device.parameters.set("b", [1000], bias(1));
  const program = compile(graph(), device);
  for (const seed of [1, 2, 3]) {
    const y = new Float32Array(length);
    const ms = await program.time({ x: values(seed) }, { outputs: { y } });
    assert.ok(ms > 0 && ms < 10_000, `${ms} ms`);
    assert.equal(y, expected(values(seed), bias(1)));
  }
  device.dispose();
});

test("abort rejects with the signal's reason, and dispose with ERR_DISPOSED", async () => {
  const device = createDevice({ device: name });
  device.parameters.set("b", [1000], bias(1));
  const program = compile(graph(), device);
  const abort = new AbortController();
  const x = values(1); // made once, so that runs are requested faster than they end
  const runs = Array.from({ length: 100 }, () => program.run({ x }, { signal: abort.signal }));
  const why = new Error("enough");
  abort.abort(why);
  const ended = await Promise.allSettled(runs);
  assert.ok(ended.some((end) => end.status === "rejected" && end.reason === why));
  assert.ok(ended.every((end) => end.status === "fulfilled" || end.reason === why));
  const last = Promise.allSettled([program.run({ x: values(1) }), program.run({ x: values(1) })]);
  device.dispose();
  for (const end of await last) assert.ok(end.status === "fulfilled" || end.reason instanceof DisposedError);
  assert.instance(await reason(program.run({ x: values(1) })), DisposedError);
});

/** A program whose arena of 256 GiB no card has: the mean of a sum of two broadcast inputs. */
const hugeGraph = () =>
  trace(() => {
    const sum = nn.binary(input("a", [1, 1, 2 ** 15, 1, 1]), input("b", [1, 1, 1, 2 ** 15, 64]), "add");
    return { y: nn.globalMean(sum) };
  });

test("a program that needs more memory than the device has rejects, and smaller ones still run", async () => {
  const device = createDevice({ device: name });
  device.parameters.set("b", [1000], bias(1));
  const huge = compile(hugeGraph(), device);
  assert.ok(huge.bytes >= 2 ** 38, `${huge.bytes} bytes`);
  const inputs = { a: new Float32Array(2 ** 15), b: new Float32Array(2 ** 21) };
  assert.instance(await reason(huge.run(inputs)), OutOfMemoryError);
  assert.equal((await compile(graph(), device).run({ x: values(1) })).y, expected(values(1), bias(1)));
  device.dispose();
});

if (emulator) {
  test("a full device causes an error, and works when memory is free again", async () => {
    const device = createDevice({ device: name });
    device.parameters.set("b", [1000], bias(1));
    const program = compile(graph(), device);
    emulator.setMemoryLimit(30_000);
    assert.instance(await reason(program.run({ x: values(1) })), OutOfMemoryError);
    emulator.setMemoryLimit(2 ** 40);
    assert.equal((await program.run({ x: values(1) })).y, expected(values(1), bias(1)));
    device.dispose();
  });

  test("an encoder halves its batch if memory is short, and warns", async () => {
    const preset = resolvePreset("s3d", { frames: 16, size: 32 });
    const options = { model: "s3d", randomWeights: 3, preset, device: name, precision: "bf16" } as const;
    const clips = Uint8Array.from({ length: 4 * 16 * 32 * 32 * 3 }, (_, i) => (i * 31) % 251);
    const warnings: string[] = [];
    const hear = (warning: Error) => warnings.push(warning.message);
    process.on("warning", hear);
    const encoder = await VideoEncoder.load({ ...options, batch: 4 });
    await encoder.encode(clips.subarray(0, clips.length / 4)); // derives the weights
    emulator.setMemoryLimit(emulator.counters().memoryBytes + 150e3); // room for the frames of two or three clips
    const features = await encoder.encode(clips);
    emulator.setMemoryLimit(2 ** 40);
    const whole = await VideoEncoder.load({ ...options, batch: 4 });
    assert.equal(features, await whole.encode(clips));
    await new Promise(setImmediate);
    process.off("warning", hear);
    assert.ok(
      warnings.some((text) => /too little memory for 4 clips/.test(text)),
      warnings.join(),
    );
    encoder.dispose();
    whole.dispose();
  });
}

cases.run();
