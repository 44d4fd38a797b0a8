// A worker decodes one file after another with the same results as a new worker, whatever happened to earlier files.
import { spawnSync } from "node:child_process";
import { getEventListeners } from "node:events";
import { cpSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ClipMemory, clipBytes } from "#lib/video/clips/clip_memory.js";
import { checkFile } from "#lib/video/file.js";
import { JobControl } from "#lib/video/decode/job_control.js";
import { openWithNodeAv } from "#lib/video/decode/node_av.js";
import { stillAt, stillWithNodeAv } from "#lib/video/stills/still.js";
import { resolvePreset } from "#lib/video/presets.js";
import { readClips } from "#lib/video/read_clips.js";
import type { Clip, DecodeFunction, DecodeOptions } from "#lib/video/types.js";
import { WorkerPool } from "#lib/video/decode/worker_pool.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { root } from "../../scripts/lint/syntax.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("worker pool");
const folder = temporaryFolder("pool");
const preset = resolvePreset("s3dg", { frames: 4, size: 32, fps: 8 });
const video = join(folder, "a.mp4");
const other = join(folder, "b.mp4");
const long = join(folder, "long.mp4");
const picture = join(folder, "c.jpg");
const broken = join(folder, "broken.jpg");

test.before(async () => {
  await makeVideo(video, { seconds: 4, width: 64, height: 48, rate: 10 });
  await makeVideo(other, { seconds: 2, width: 80, height: 48, rate: 12, seed: 2 });
  await makeVideo(long, { seconds: 200, width: 32, height: 32, rate: 50 });
  await makeVideo(picture, { frames: 1, width: 48, height: 48, seed: 3, codec: "mjpeg", format: "yuvj420p" as "yuv420p" }); // prettier-ignore
  cpSync(picture, broken);
  truncateSync(broken, 40);
});

const decodeIn =
  (pool: WorkerPool): DecodeFunction =>
  async (path, options) =>
    openWithNodeAv(await checkFile(path), options, pool);

async function clipsIn(pool: WorkerPool, path: string, options: Partial<DecodeOptions> = {}): Promise<Clip[]> {
  const clips: Clip[] = [];
  for await (const clip of await decodeIn(pool)(path, { preset, ...options })) {
    clips.push({ ...clip, frames: clip.frames.slice() });
    options.memory?.give(clip.frames.fill(99));
  }
  return clips;
}

/** The clips of a file from a worker that decoded nothing before. */
const fresh = (path: string) => clipsIn(new WorkerPool(0), path);

/** A module of the built package, for a program. */
const module = (name: string) => JSON.stringify(pathToFileURL(join(root, `dist/video/${name}.js`)).href);

/** Workers and ports that keep this process alive. */
const busy = () => process.getActiveResourcesInfo().filter((name) => /worker|port/i.test(name)).length;

test("one worker serves all files, and each file gives the same clips as alone", async () => {
  const pool = new WorkerPool();
  const memory = new ClipMemory(clipBytes(preset));
  for (const path of [video, picture, other, picture, video]) {
    const expected = await fresh(path);
    assert.ok(expected.length > 0);
    assert.equal(await clipsIn(pool, path), expected, path);
    assert.equal(await clipsIn(pool, path, { memory }), expected, `${path}, in given memory`);
    assert.is(pool.idle, 1);
  }
});

test("a still that is aborted while its last message is on the way is not delivered", async () => {
  const pool = new WorkerPool();
  const request = { file: await checkFile(picture), seconds: 0, width: 48, hdr: "tonemap" } as const;
  const reason = new Error("enough");
  const abort = new AbortController();
  const aborted = stillWithNodeAv(request, abort.signal, pool);
  const start = Date.now();
  while (Date.now() - start < 1000); // the worker answers, and this thread does not see it
  abort.abort(reason);
  assert.is(await aborted.catch((cause) => cause), reason);
  assert.ok((await stillWithNodeAv(request, undefined, pool)).length > 0);
  assert.is(pool.idle, 1);
});

test("pictures of many sizes and kinds are decoded in sequence and again", async () => {
  const pool = new WorkerPool();
  const paths: string[] = [];
  for (const [i, format] of ["yuvj420p", "yuvj444p", "yuvj420p", "gray8", "yuvj422p", "yuvj444p"].entries()) {
    for (const width of [48, 70]) {
      const path = join(folder, `${format}-${width}-${i}.jpg`);
      const planes = () => Buffer.from(Array.from({ length: 3 * width * 48 }, (_, k) => (k * k * (i + 3)) % 251));
      const codec = format === "gray8" ? "png" : "mjpeg";
      await makeVideo(path, { frames: 1, width, height: 48, seed: i, codec, format: format as "yuv420p", planes });
      paths.push(path);
    }
  }
  for (const path of [...paths, ...paths.reverse()]) assert.equal(await clipsIn(pool, path), await fresh(path), path);
  assert.is(pool.idle, 1);
});

test("simultaneous files have one worker each, and the workers wait together afterwards", async () => {
  const pool = new WorkerPool();
  const paths = [video, other, picture];
  const expected = await Promise.all(paths.map(fresh));
  for (let round = 0; round < 2; round++) {
    assert.equal(await Promise.all(paths.map((path) => clipsIn(pool, path))), expected);
    assert.is(pool.idle, 3);
  }
});

test("bad files and abandoned or aborted videos do not affect the next file", async () => {
  const pool = new WorkerPool();
  const expected = await fresh(other);
  const memory = new ClipMemory(clipBytes(preset));
  for (let round = 0; round < 3; round++) {
    const error = await clipsIn(pool, broken).catch((cause) => cause);
    assert.match(error.code, /^ERR_VIDEO_/);
    assert.match(error.message, /broken\.jpg/);
    assert.equal(await clipsIn(pool, other, { memory }), expected);
    for await (const clip of await decodeIn(pool)(video, { preset, memory })) {
      memory.give(clip.frames);
      break;
    }
    assert.equal(await clipsIn(pool, other, { memory }), expected);
    const unread = await decodeIn(pool)(video, { preset, memory });
    await unread.close();
    assert.equal(await clipsIn(pool, other, { memory }), expected);
    const abort = new AbortController();
    const aborted = decodeIn(pool)(video, { preset, memory, signal: abort.signal });
    const reason = new Error("enough");
    setImmediate(() => abort.abort(reason));
    const [first] = await Promise.allSettled([aborted.then((opened) => opened[Symbol.asyncIterator]().next())]);
    if (first.status === "rejected") assert.is(first.reason, reason);
    await (await aborted.catch(() => undefined))?.close();
    assert.equal(await clipsIn(pool, other, { memory }), expected);
  }
});

test("memory that arrives for a video after its worker took the next file does not reach that file", async () => {
  const pool = new WorkerPool();
  const expected = await fresh(other);
  const memory = new ClipMemory(clipBytes(preset));
  const slow = await decodeIn(pool)(picture, { preset, memory });
  while (pool.idle === 0) await new Promise(setImmediate); // decoded but not read yet
  const next = await decodeIn(pool)(other, { preset, memory });
  for await (const clip of slow) memory.give(clip.frames);
  const clips: Clip[] = [];
  for await (const clip of next) {
    clips.push({ ...clip, frames: clip.frames.slice() });
    memory.give(clip.frames);
  }
  assert.equal(clips, expected);
});

test("stills use the workers of the pool, and bad or aborted files do not block others", async () => {
  const pool = new WorkerPool();
  const request = async (path: string, seconds: number) => ({ file: await checkFile(path), seconds, width: 48 });
  const expected = await fresh(other);
  const still = await stillAt(video, 1, { width: 48, decoder: "node-av" });
  for (let round = 0; round < 3; round++) {
    assert.equal(await stillWithNodeAv(await request(video, 1), undefined, pool), still);
    assert.is(pool.idle, 1);
    assert.equal(await clipsIn(pool, other), expected);
    const error = await stillWithNodeAv(await request(broken, 0), undefined, pool).catch((cause) => cause);
    assert.match(error.code, /^ERR_VIDEO_/);
    assert.is(pool.idle, 1);
    const abort = new AbortController();
    const aborted = stillWithNodeAv(await request(video, 3), abort.signal, pool);
    const reason = new Error("enough");
    abort.abort(reason);
    assert.is(await aborted.catch((cause) => cause), reason);
    assert.is(getEventListeners(abort.signal, "abort").length, 0);
  }
  const { signal } = new AbortController();
  await Promise.all([0, 1, 2, 3].map(async (at) => stillWithNodeAv(await request(video, at), signal, pool)));
  assert.is(getEventListeners(signal, "abort").length, 0);
  assert.ok(pool.idle <= 4);
});

test("a job that is stopped at any moment ends between two packets, and its worker goes on", async () => {
  const pool = new WorkerPool();
  const expected = await fresh(other);
  const file = await checkFile(long);
  for (const wait of [undefined, 0, 1, 2, 5, 9, 14, 20]) {
    const control = new JobControl(); // no credit to begin a clip, so the worker would wait for ever
    if (wait !== 5) control.allow(1000);
    const error = await new Promise<Error | undefined>((end) => {
      pool.start({
        request: { file, preset, threads: 1, given: undefined },
        control,
        receive: ({ type }) => {
          if (type !== "info") return;
          if (wait === undefined) control.stop();
          else setTimeout(() => control.stop(), wait);
        },
        end,
      });
    });
    assert.is(error, undefined);
    assert.is(pool.idle, 1, `the worker waits for the next file after ${wait} ms`);
    assert.equal(await clipsIn(pool, other), expected);
  }
});

test("the exit of the process waits until its workers have left their decoder", () => {
  const program = join(folder, "exit.mjs");
  writeFileSync(
    program,
    `import { checkFile } from ${module("file")};
    import { JobControl } from ${module("decode/job_control")};
    import { WorkerPool } from ${module("decode/worker_pool")};
    import { resolvePreset } from ${module("presets")};
    const control = new JobControl();
    const request = { file: await checkFile(process.argv[2]), preset: resolvePreset("s3dg"), threads: 1 };
    const pool = new WorkerPool();
    process.on("exit", () => console.log(Atomics.load(control.cells, 2)));
    const receive = () => process.exit(3);
    pool.start({ request, control, receive, end: () => console.log("not reached") });
    process.on("exit", () => console.log(Atomics.load(control.cells, 2)));`,
  );
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, long], {
    encoding: "utf8",
    timeout: 120_000,
  });
  assert.is(status, 3, stderr);
  assert.is(stderr, "");
  assert.is(stdout, "0\n1\n");
});

test("a fault that is not the file's ends the worker", async () => {
  const pool = new WorkerPool();
  const error = await clipsIn(pool, video, { preset: { ...preset, crop: 1e7 } }).catch((cause) => cause);
  assert.is(error.code, "ERR_VIDEO_CORRUPT");
  assert.is(pool.idle, 0);
  assert.equal(await clipsIn(pool, other), await fresh(other));
});

test("an idle worker ends after a while", async () => {
  const pool = new WorkerPool(50);
  await clipsIn(pool, picture);
  while (pool.idle > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(await clipsIn(pool, picture), await fresh(picture));
});

test("idle workers do not keep the process alive", () => {
  const program = join(folder, "program.mjs");
  writeFileSync(
    program,
    `import { checkFile } from ${module("file")};
    import { openWithNodeAv } from ${module("decode/node_av")};
    import { resolvePreset } from ${module("presets")};
    import { WorkerPool } from ${module("decode/worker_pool")};
    const opened = await openWithNodeAv(await checkFile(process.argv[2]), { preset: resolvePreset("s3dg") }, new WorkerPool(1e9));
    for await (const clip of opened) console.log(clip.index);`,
  );
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, picture], {
    encoding: "utf8",
    timeout: 120_000,
  });
  assert.is(status, 0, stderr);
  assert.is(stdout.trim(), "0");
});

test("listeners and workers do not accumulate over several hundred pictures", async () => {
  const pool = new WorkerPool();
  const { signal } = new AbortController();
  const memory = new ClipMemory(clipBytes(preset));
  const before = {
    warnings: 0,
    listeners: process.eventNames().map((name) => process.listenerCount(name)),
    busy: busy(),
  };
  const warn = () => before.warnings++;
  const paths = Array.from({ length: 300 }, (_, i) => (i % 50 === 7 ? broken : picture));
  process.on("warning", warn);
  let clips = 0;
  let failures = 0;
  for await (const event of readClips(paths, { preset, decoders: 2, waiting: 4, signal, memory }, decodeIn(pool))) {
    if (event.type === "clip") {
      clips++;
      memory.give(event.clip.frames);
    } else if (event.type === "failure") failures++;
    assert.ok(pool.idle <= 2);
  }
  process.off("warning", warn);
  assert.equal([clips, failures], [294, 6]);
  assert.is(pool.idle, 2);
  assert.is(getEventListeners(signal, "abort").length, 0);
  assert.is(before.warnings, 0);
  assert.equal(process.eventNames().map((name) => process.listenerCount(name)), before.listeners); // prettier-ignore
  assert.is(busy(), before.busy);
});

test.run();
