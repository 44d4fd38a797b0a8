// Pinned memory of the caller: a GPU copies from it directly and once, and it is unpinned at the end. The emulator counts the copies
// of pageable memory, and runs copies as late or as early as their stream allows.
import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { VideoClipError } from "#lib/base/errors.js";
import { type ClipFeature, extract } from "#lib/features/extract.js";
import { input, trace } from "#lib/graph/trace.js";
import type { ClipEncoder } from "#lib/models/encode_clips.js";
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import * as nn from "#lib/nn/layers.js";
import { loadAddon } from "#lib/runtime/binding.js";
import { compile } from "#lib/runtime/compile.js";
import { createDevice, type Device } from "#lib/runtime/device.js";
import { clipBytes } from "#lib/video/clips/clip_memory.js";
import type { DecoderName } from "#lib/video/types.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { hasFfmpeg } from "../support/ffmpeg.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("pinned memory");
const emulator = loadAddon().addon.emulator!;
const folder = temporaryFolder("pinned");
const SIZE = 1000;

/** y = max(0, x) */
const positive = (device: Device) =>
  compile(
    trace(() => ({ y: nn.unary(input("x", [SIZE]), "relu") })),
    device,
  );
const shared = (length: number) => new Float32Array(new SharedArrayBuffer(4 * length));
const relu = (v: number) => Math.max(0, v);
const fill = (array: Float32Array, seed: number) => {
  for (let i = 0; i < array.length; i++) array[i] = ((i * 7 + seed * 13) % 101) - 40;
};

/** Compares without listing the differences, which takes minutes for this number of values. */
function same(got: Float32Array, expected: Float32Array): void {
  assert.is(got.length, expected.length);
  const at = got.findIndex((v, i) => v !== expected[i]);
  assert.is(at, -1, `${got[at]} instead of ${expected[at]}`);
}

/** What a body copies: bytes on the host, bytes to the device, and copies of pageable memory. */
async function copies(device: Device, body: () => Promise<unknown>) {
  const read = () => {
    const { pageableCopies, copiedInBytes } = emulator.counters();
    return { host: device.engine.info().copiedBytes, toDevice: copiedInBytes, pageable: pageableCopies };
  };
  const before = read();
  await body();
  const { host, toDevice, pageable } = read();
  return { host: host - before.host, toDevice: toDevice - before.toDevice, pageable: pageable - before.pageable };
}

function failure(body: () => unknown): { code: string; message: string } {
  try {
    body();
  } catch (error) {
    const { code, message } = error as VideoClipError;
    return { code, message };
  }
  return assert.unreachable("must throw") as never;
}

for (const early of [false, true]) {
  const when = early ? "early" : "late";

  test(`a run copies from pinned arrays where they are, with ${when} copies`, async () => {
    emulator.setEarlyCopies(early);
    const device = createDevice({ device: "cuda-emulated" });
    const program = positive(device);
    const slab = shared(2 * SIZE + 1);
    const [a, b] = [shared(300), new Float32Array(300)];
    for (const { buffer } of [slab, a, b]) device.pin(buffer);
    const expected = new Float32Array(SIZE);
    for (const round of [1, 2, 3, 4]) {
      [slab, a, b].forEach((array, i) => fill(array, round + 10 * i));
      // views at any element, in any order, some of them consecutive
      const x = [slab.subarray(1, 201), a, slab.subarray(201, 301), slab.subarray(301, 401), b];
      let y!: Float32Array;
      const counts = await copies(device, async () => ({ y } = await program.run({ x })));
      assert.equal(counts, { host: 0, toDevice: 4 * SIZE, pageable: 0 });
      x.reduce((at, part) => (expected.set(part.map(relu), at), at + part.length), 0);
      same(y, expected);
      // a whole input, and an output
      const target = slab.subarray(SIZE + 1);
      const whole = await copies(device, () =>
        program.run({ x: slab.subarray(1, SIZE + 1) }, { outputs: { y: target } }),
      );
      assert.equal(whole, { host: 0, toDevice: 4 * SIZE, pageable: 0 });
      same(target.slice(), slab.slice(1, SIZE + 1).map(relu));
    }
    assert.is(emulator.counters().registeredBytes, slab.byteLength + 2400);
    for (const { buffer } of [slab, a, b]) device.unpin(buffer);
    assert.is(emulator.counters().registeredBytes, 0);
    assert.equal(await copies(device, () => program.run({ x: [a] })), { host: 1200, toDevice: 4 * SIZE, pageable: 0 });
    device.dispose();
    emulator.setEarlyCopies(false);
  });

  test(`pinned arrays beside others and beside padding, with ${when} copies`, async () => {
    emulator.setEarlyCopies(early);
    const device = createDevice({ device: "cuda-emulated" });
    const program = positive(device);
    const pinned = Array.from({ length: 8 }, () => shared(200));
    const others = Array.from({ length: 8 }, () => shared(150));
    for (const { buffer } of pinned) device.pin(buffer);
    [...pinned, ...others].forEach((array, i) => fill(array, 7 * i));
    const own = Float32Array.of(1, 2);
    const runs = pinned.map((array, i) => {
      own[0] = i;
      const run = program.run({ x: [others[i], array, own, array.subarray(5, 25), new Float32Array(0)] });
      own[0] = Number.NaN; // an ordinary array was copied
      return run;
    });
    for (const [i, { y }] of (await Promise.all(runs)).entries()) {
      const expected = new Float32Array(SIZE);
      expected.set(others[i].map(relu), 0);
      expected.set(pinned[i].map(relu), 150);
      expected.set([i, 2], 350);
      expected.set(pinned[i].subarray(5, 25).map(relu), 352);
      same(y, expected);
    }
    device.dispose(); // unpins
    assert.is(emulator.counters().registeredBytes, 0);
    emulator.setEarlyCopies(false);
  });
}

test("what cannot be pinned or unpinned is refused, and the message says why", async () => {
  const device = createDevice({ device: "cuda-emulated" });
  const other = createDevice({ device: "cuda-emulated:1" });
  const { buffer } = shared(SIZE);
  const is = (body: () => unknown, code: string, message: RegExp) => {
    const found = failure(body);
    assert.is(found.code, code);
    assert.match(found.message, message);
  };
  const wrong = [new Uint8Array(4), null, undefined, 4, new ArrayBuffer(0), new SharedArrayBuffer(0)];
  // @ts-expect-error resizable buffers are newer than the types
  wrong.push(new ArrayBuffer(8, { maxByteLength: 16 }));
  for (const value of wrong) {
    for (const call of ["pin", "unpin"] as const) {
      is(
        () => device[call](value as ArrayBuffer),
        "ERR_INVALID_ARGUMENT",
        new RegExp(`^${call}.*buffer: expected an ArrayBuffer or SharedArrayBuffer of fixed length that is not empty`),
      );
    }
  }
  device.pin(buffer);
  is(() => device.pin(buffer), "ERR_INVALID_ARGUMENT", /^pin: the memory is pinned already$/);
  is(() => other.pin(buffer), "ERR_INVALID_ARGUMENT", /^pin: .*pinned already: by another device/);
  is(() => other.unpin(buffer), "ERR_INVALID_ARGUMENT", /^unpin: the memory is not pinned for this device$/);
  const allocated = device.allocate(2 ** 16).buffer as ArrayBuffer;
  is(() => device.pin(allocated), "ERR_INVALID_ARGUMENT", /pinned already/);
  is(() => device.unpin(allocated), "ERR_INVALID_ARGUMENT", /not pinned/);

  const program = positive(device);
  const run = program.run({ x: [new Float32Array(buffer, 0, 10)] });
  is(() => device.unpin(buffer), "ERR_BUSY", /a run that has not ended uses the memory/);
  await run;
  device.unpin(buffer);
  is(() => device.unpin(buffer), "ERR_INVALID_ARGUMENT", /not pinned/);
  other.pin(buffer);
  other.dispose();
  device.pin(buffer);
  device.dispose();
  is(() => device.pin(buffer), "ERR_DISPOSED", /disposed/);
  device.unpin(buffer); // the end of the engine unpinned it
  assert.is(emulator.counters().registeredBytes, 0);
});

test("a device that shares an engine unpins what another one pinned, also when it is disposed", () => {
  const device = createDevice({ device: "cuda-emulated" });
  const guest = createDevice({ device });
  const { buffer } = shared(10);
  guest.pin(buffer);
  guest.dispose();
  assert.is(emulator.counters().registeredBytes, 40);
  guest.unpin(buffer);
  assert.is(emulator.counters().registeredBytes, 0);
  device.dispose();
});

test("an ArrayBuffer that is transferred although it must not be is unpinned by the next call", async () => {
  const device = createDevice({ device: "cuda-emulated" });
  const program = positive(device);
  const x = new Float32Array(SIZE);
  device.pin(x.buffer);
  fill(x, 3);
  const expected = x.map(relu);
  const moved = structuredClone(x, { transfer: [x.buffer] });
  const { y } = await program.run({ x: [moved] });
  same(y, expected);
  assert.is(emulator.counters().registeredBytes, 0);
  device.dispose();
});

test("the end of a worker unpins its memory", async () => {
  const code = `const { pathToFileURL } = require("node:url");
    import(pathToFileURL(require("node:worker_threads").workerData)).then(({ createDevice }) => {
      createDevice({ device: "cuda-emulated" }).pin(new SharedArrayBuffer(1000));
      require("node:worker_threads").parentPort.postMessage("pinned");
      setInterval(() => {}, 1000);
    });`;
  const workerData = join(import.meta.dirname, "../../dist/runtime/device.js");
  const worker = new Worker(code, { eval: true, workerData });
  try {
    await once(worker, "message");
    assert.is(emulator.counters().registeredBytes, 1000);
  } finally {
    await worker.terminate();
  }
  assert.is(emulator.counters().registeredBytes, 0);
});

test("a CPU needs no pinned memory: pin and unpin do nothing", async () => {
  const device = createDevice({ device: "cpu", threads: 1 });
  const x = shared(SIZE);
  for (let i = 0; i < 2; i++) device.pin(x.buffer);
  fill(x, 1);
  same((await positive(device).run({ x: [x] })).y, x.map(relu).slice());
  for (let i = 0; i < 3; i++) device.unpin(x.buffer);
  assert.is(failure(() => device.pin(new ArrayBuffer(0))).code, "ERR_INVALID_ARGUMENT");
  device.dispose();
});

const BATCH = 2;
const videos = ["one.mp4", "two.mp4", "three.mp4"].map((name) => join(folder, name));
let encoder: VideoEncoder;
test.before(async () => {
  // 16, 8 and 8 frames: 8 clips of 4
  for (const [i, path] of videos.entries())
    await makeVideo(path, { seed: i + 1, frames: i === 0 ? 16 : 8, width: 32, height: 32, rate: 8 });
  const preset = { frames: 4, stride: 4, size: 16, fps: 8 };
  const options = { model: "s3d-tiny", preset, batch: BATCH, device: "cuda-emulated" } as const;
  encoder = VideoEncoder.random(5, options);
  await encoder.encode(new Uint8Array(BATCH * clipBytes(encoder.preset))); // derives the weights
});
test.after(() => encoder?.dispose());

async function features(from: ClipEncoder, decoder: DecoderName, onFeature = () => {}) {
  const found: ClipFeature[] = [];
  for await (const feature of extract(videos, { encoder: from, decoder, decoders: 1 })) {
    found.push(feature);
    onFeature();
  }
  return found;
}

for (const decoder of ["node-av", "ffmpeg"] as DecoderName[]) {
  if (decoder === "ffmpeg" && !hasFfmpeg) {
    console.log("SKIP: no ffmpeg program on the path");
    continue;
  }
  test(`extraction with ${decoder}: clips go from the decoder's memory to the device, in one copy`, async () => {
    const bytes = 8 * clipBytes(encoder.preset);
    const { preset, batch, dim } = encoder;
    const plain: ClipEncoder = { preset, batch, dim, encode: (clips, options) => encoder.encode(clips, options) };
    let expected!: ClipFeature[];
    const unpinned = await copies(encoder.device, async () => {
      expected = await features(plain, decoder, () => assert.is(emulator.counters().registeredBytes, 0));
    });
    assert.is(expected.length, 8);
    assert.equal(unpinned, { host: bytes, toDevice: bytes, pageable: 0 });
    for (const early of [false, true]) {
      emulator.setEarlyCopies(early);
      let got!: ClipFeature[];
      let most = 0;
      const pinned = await copies(encoder.device, async () => {
        got = await features(encoder, decoder, () => (most = Math.max(most, emulator.counters().registeredBytes)));
      });
      assert.equal(pinned, { host: 0, toDevice: bytes, pageable: 0 });
      assert.equal(got, expected, "the same bits");
      assert.ok(most >= BATCH * clipBytes(preset) && most % clipBytes(preset) === 0, `${most} bytes pinned`);
      assert.is(emulator.counters().registeredBytes, 0, "everything was unpinned");
    }
    emulator.setEarlyCopies(false);
  });

  test(`an extraction with ${decoder} that ends early unpins its memory`, async () => {
    for await (const _ of extract(videos, { encoder, decoder })) break;
    assert.is(emulator.counters().registeredBytes, 0);
    const abort = new AbortController();
    const why = new Error("enough");
    const reason = await (async () => {
      for await (const _ of extract(videos, { encoder, decoder, signal: abort.signal })) abort.abort(why);
    })().catch((error: unknown) => error);
    assert.is(reason, why);
    assert.is(emulator.counters().registeredBytes, 0);
  });
}

test.run();
