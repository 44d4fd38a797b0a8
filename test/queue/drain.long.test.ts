// A worker that is asked to end finishes its videos and hands the rest back at once, so that others need not wait for its lease.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openEngine } from "#lib/queue/bull_engine.js";
import { RunFolder } from "#lib/queue/run_folder.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { videoclip } from "../support/command_line.js";
import { startRedis, type TestServer } from "../support/queue_servers.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { failuresOf, makeRunVideos, recordsOf, SETTINGS, startWorker } from "./queue_runs.js";

const test = suite("the end of a worker");
const root = temporaryFolder("drain");
const many = join(root, "many");
const long = join(root, "long.mp4");
const COUNT = 40;
/** Seconds of a lease: nobody waits for its end in these tests. */
const LEASE = ["--lease", "3600"];
let server: TestServer | undefined;
let runs = 0;
const started: ReturnType<typeof startWorker>[] = [];

test.before(async () => {
  server = await startRedis(join(root, "redis"));
  if (!server) return console.log("SKIP: redis-server is not installed");
  await makeRunVideos(many, COUNT);
  await makeVideo(long, { seed: 1, frames: 3000, width: 64, height: 64 });
});
test.after.each(() => {
  for (const { child } of started.splice(0)) child.kill("SIGKILL");
});
test.after(() => server?.stop());

/** A run of some videos. @param chunk videos per job */
function newRun(videos: string, chunk: number) {
  const folder = join(root, `run-${runs++}`);
  const args = ["--run", folder, "--queue", server!.url()];
  const added = videoclip("queue", "add", videos, ...SETTINGS, ...args, "--chunk", String(chunk));
  assert.is(added.status, 0, added.stderr);
  const counts = async () => {
    const engine = await openEngine(server!.url(), RunFolder.open(folder).name);
    const all = await engine.counts();
    await engine.close();
    return all;
  };
  const start = (...flags: string[]) => {
    const worker = startWorker(folder, [...LEASE, "--queue", server!.url(), ...flags]);
    started.push(worker);
    return worker;
  };
  return { folder, args, counts, start };
}

/** Waits until something holds, at most a minute. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2400 && !condition(); i++) await sleep(25);
  assert.ok(condition(), "it does not come");
}

const videosOf = (folder: string) => recordsOf(folder).size;
const notesOf = (folder: string, begin: string) =>
  readdirSync(join(folder, "run")).filter((name) => name.startsWith(begin));

test("on SIGTERM the rest goes to another worker at once, and nothing is done twice", async () => {
  if (!server) return;
  const { folder, counts, start } = newRun(many, COUNT / 2);
  const first = start();
  await until(() => videosOf(folder) > 0);
  first.child.kill("SIGTERM");
  assert.equal(await first.ended, { code: 0, signal: null }, first.said());
  assert.match(first.said(), /asked to end; videos in progress are finished, the rest is handed back/);
  const done = videosOf(folder);
  assert.ok(done < COUNT, "it did not end early");
  const { waiting, active, delayed } = await counts();
  assert.equal([waiting > 0, active, delayed], [true, 0, 0]);
  assert.equal(notesOf(folder, "worker.").concat(notesOf(folder, "started.")), []);
  const second = start();
  assert.equal(await second.ended, { code: 0, signal: null }, second.said());
  const records = [...recordsOf(folder).values()];
  assert.equal([records.length, records.flat().length], [COUNT, COUNT]);
  assert.equal([...failuresOf(folder)], []);
});

test("videos that take longer than --grace are given up, with exit code 130, and charged to nobody", async () => {
  if (!server) return;
  const { folder, counts, start } = newRun(long, 1);
  const first = start("--grace", "0.1");
  await until(() => notesOf(folder, "started.").length > 0);
  first.child.kill("SIGTERM");
  assert.equal(await first.ended, { code: 130, signal: null }, first.said());
  assert.match(first.said(), /videoclip: interrupted; finished videos are saved, the others are done by other workers/);
  assert.is(videosOf(folder), 0);
  assert.equal(await counts(), { waiting: 1, active: 0, delayed: 0 });
  assert.equal(notesOf(folder, "deaths."), []);
  const second = start();
  assert.equal(await second.ended, { code: 0, signal: null }, second.said());
  assert.is(videosOf(folder), 1);
});

test("a second signal does not wait for --grace", async () => {
  if (!server) return;
  const { folder, counts, start } = newRun(long, 1);
  const worker = start("--grace", "3600");
  await until(() => notesOf(folder, "started.").length > 0);
  worker.child.kill("SIGINT");
  await sleep(500); // signals of one key press count as one
  worker.child.kill("SIGINT");
  assert.equal(await worker.ended, { code: 130, signal: null }, worker.said());
  assert.equal(await counts(), { waiting: 1, active: 0, delayed: 0 });
});

test("a worker that waits for others ends on SIGTERM", async () => {
  if (!server) return;
  const { folder, args, start } = newRun(long, 1);
  const busy = start();
  await until(() => notesOf(folder, "started.").length > 0);
  busy.child.kill("SIGSTOP");
  const idle = start();
  await until(() => notesOf(folder, "worker.").length === 2);
  await sleep(200);
  idle.child.kill("SIGTERM");
  assert.equal(await idle.ended, { code: 0, signal: null }, idle.said());
  const { stdout } = videoclip("queue", "status", ...args);
  assert.match(stdout, /queue: 0 jobs wait, 1 are held, 0 wait after a fault/);
});

test("queue drain ends all workers, and others begin only after reconcile", async () => {
  if (!server) return;
  const { folder, args, counts, start } = newRun(many, COUNT / 4);
  const workers = [start(), start()];
  await until(() => videosOf(folder) > 0);
  assert.is(videoclip("queue", "drain", "--run", folder).status, 0);
  for (const worker of workers) assert.equal(await worker.ended, { code: 0, signal: null }, worker.said());
  assert.is((await counts()).active, 0);
  const done = videosOf(folder);
  const late = start();
  assert.equal(await late.ended, { code: 0, signal: null }, late.said());
  assert.is(videosOf(folder), done);
  assert.is(videoclip("queue", "reconcile", ...args).status, 0);
  const last = start();
  assert.equal(await last.ended, { code: 0, signal: null }, last.said());
  assert.is(videosOf(folder), COUNT);
  assert.is(videoclip("queue", "status", ...args, "--json").lines()[0].left, 0);
});

test.run();
