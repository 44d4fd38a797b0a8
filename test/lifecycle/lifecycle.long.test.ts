// Many runs and many devices: memory is stable, aborts are clean, nothing works after dispose, the event loop stays
// free.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  createDevice,
  extractToFolder,
  loadS3DTextEncoder,
  resolvePreset,
  VideoClipError,
  VideoEncoder,
} from "#lib/index.js";
import * as ops from "#lib/ops.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const test = suite("lifecycle");
const MIB = 1 << 20;
const preset = resolvePreset("s3d", { frames: 16, size: 64 });
const clipBytes = 16 * 64 * 64 * 3;
const folder = temporaryFolder("lifecycle");
test.after(() => ops.dispose());

/** The limit for the growth of RSS from run 50 to run 200. */
const GROWTH = 16 * MIB;

async function growth(run: () => Promise<unknown>): Promise<number> {
  let after50 = 0;
  for (let i = 1; i <= 200; i++) {
    await run();
    if (i === 50) after50 = await collected();
  }
  return (await collected()) - after50;
}

/** RSS after garbage collection, because V8 collects at unpredictable times. */
async function collected(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve)); // finalizers
  }
  return process.memoryUsage().rss;
}

test("200 runs of a network do not grow the memory", async () => {
  const encoder = VideoEncoder.random(1, { model: "s3d", preset, batch: 1 });
  const clip = new Uint8Array(clipBytes);
  const grown = await growth(() => encoder.encode(clip));
  encoder.dispose();
  process.stdout.write(`grew by ${(grown / MIB).toFixed(1)} MiB\n`);
  assert.ok(grown <= GROWTH, `${grown} bytes`);
});

test("200 single ops with results of a megabyte do not grow the memory", async () => {
  const x = { shape: [1, 4, 32, 32, 64], data: new Float32Array(4 * 32 * 32 * 64) };
  const grown = await growth(() => ops.unary(x, "relu"));
  process.stdout.write(`grew by ${(grown / MIB).toFixed(1)} MiB\n`);
  assert.ok(grown <= GROWTH, `${grown} bytes`);
});

test("200 devices can be created and disposed", async () => {
  const weight = new Float32Array(MIB / 4);
  const grown = await growth(async () => {
    const device = createDevice({ threads: 2 });
    device.parameters.set("w", [weight.length], weight);
    device.dispose();
    device.dispose();
  });
  assert.ok(grown <= GROWTH, `${grown} bytes`);
});

test("an aborted run rejects with the signal's reason, and the next one works", async () => {
  const encoder = VideoEncoder.random(1, { model: "s3d", preset, batch: 4 });
  const clips = new Uint8Array(4 * clipBytes);
  await encoder.encode(clips);
  const stop = new AbortController();
  const reason = new Error("enough");
  const pending = rejection(encoder.encode(clips, { signal: stop.signal }));
  stop.abort(reason);
  assert.is(await pending, reason);
  assert.equal((await encoder.encode(clips)).shape, [4, 1024]);
  encoder.dispose();
});

test("an aborted extraction rejects with the reason and leaves no temporary file", async () => {
  const video = join(folder, "long.mp4");
  await makeVideo(video, { seconds: 20 });
  const encoder = VideoEncoder.random(1, { model: "s3d", preset, batch: 1 });
  const stop = new AbortController();
  const reason = new Error("enough");
  const out = join(folder, "out");
  const onProgress = ({ clips }: { clips: number }) => {
    if (clips >= 2) stop.abort(reason);
  };
  const error = await rejection(extractToFolder([video], { encoder, out, signal: stop.signal, onProgress }));
  assert.is(error, reason);
  const left = readdirSync(out, { recursive: true }).map(String);
  assert.equal(
    left.filter((name) => /tmp|\.npy|lock/.test(name)),
    [],
  );
  encoder.dispose();
});

test("every object refuses calls after dispose", async () => {
  const disposed = async (use: () => unknown) => {
    const error = await rejection(use);
    assert.instance(error, VideoClipError);
    assert.is(error.code, "ERR_DISPOSED");
  };
  const device = createDevice();
  device.dispose();
  await disposed(() => device.memory());
  await disposed(() => device.parameters.set("w", [1], new Float32Array(1)));
  const encoder = VideoEncoder.random(1, { model: "s3d", preset, batch: 1 });
  const pending = disposed(() => encoder.encode(new Uint8Array(clipBytes)));
  encoder.dispose();
  await pending;
  await disposed(() => encoder.encode(new Uint8Array(clipBytes)));
  const text = await loadS3DTextEncoder({ randomWeights: 1, vocabulary: ["egg"] });
  text.dispose();
  await disposed(() => text.encode(["egg"]));
});

test("the event loop stays free during runs", async () => {
  const encoder = VideoEncoder.random(1, { model: "s3d", preset, batch: 4 });
  const clips = new Uint8Array(4 * clipBytes);
  await encoder.encode(clips);
  const ticks: number[] = [];
  for (let i = 0; i < 5; i++) {
    let count = 0;
    const timer = setInterval(() => count++, 1);
    await encoder.encode(clips);
    clearInterval(timer);
    ticks.push(count);
  }
  encoder.dispose();
  // a run takes some tenths of a second; one that holds the loop lets no timer through
  assert.ok(Math.min(...ticks) >= 5, ticks.join());
});

test("a process with devices that were not disposed ends by itself", () => {
  const text = `import { createDevice } from "./dist/index.js"; import * as ops from "./dist/ops.js";
    createDevice(); await ops.unary({ shape: [4], data: new Float32Array(4) }, "relu");`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", text], {
    encoding: "utf8",
    timeout: 20_000,
  });
  assert.is(status, 0, stderr);
});

test.run();
