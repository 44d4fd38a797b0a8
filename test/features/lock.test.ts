// A lock of a folder has one holder, passes on from a dead process, and leaves no other file.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { takeLock, takeLockNow } from "#lib/features/lock.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("lock");
const folder = temporaryFolder("lock");
const path = join(folder, ".lock");
const names = () => readdirSync(folder).sort();
const gone = spawnSync(process.execPath, ["-e", ""]).pid;
const holder = (pid: number, token: string) => JSON.stringify({ pid, host: hostname(), token });

test("one process holds the lock at a time, and releasing removes its file", async () => {
  const lock = await takeLock(path, "another writer");
  assert.ok(lock.held());
  assert.equal(names(), [".lock"]);
  const refused = await takeLock(path, "another writer").catch((error) => error);
  assert.match(refused.message, /another writer \(process \d+ on .*\) writes to this folder/);
  assert.throws(() => takeLockNow(path, "another writer"), /writes to this folder/);
  assert.equal(names(), [".lock"]);
  lock.release();
  assert.equal(names(), []);
});

test("the lock of a dead process is taken over, and the files left by it and by others are removed", async () => {
  writeFileSync(path, holder(gone, "0".repeat(16)));
  writeFileSync(`${path}-${"a".repeat(16)}`, holder(gone, "a".repeat(16)));
  writeFileSync(`${path}-${"a".repeat(16)}-stale`, holder(gone, "0".repeat(16)));
  writeFileSync(`${path}-${"b".repeat(16)}-stale`, holder(gone, "0".repeat(16)));
  writeFileSync(`${path}-${"c".repeat(16)}`, "");
  utimesSync(`${path}-${"c".repeat(16)}`, 1, 1);
  // a draft of a live process, and a new draft without an owner yet
  writeFileSync(`${path}-${"d".repeat(16)}`, holder(process.pid, "d".repeat(16)));
  writeFileSync(`${path}-${"e".repeat(16)}`, "");
  writeFileSync(`${path}-notes`, "");
  (await takeLock(path, "another writer")).release();
  assert.equal(names(), [`.lock-${"d".repeat(16)}`, `.lock-${"e".repeat(16)}`, ".lock-notes"]);
});

/** The lock of a process that is not visible from here, as in another container. */
const foreign = (token: string) =>
  JSON.stringify({ pid: 1, host: "3f2a9c1b7d10", system: "another", started: "1", token });
const notes: string[] = [];
const waiting = { patience: 400, onNote: (note: string) => notes.push(note) };

test("the lock of a container that ended is taken over after a time without renewal", async () => {
  for (const left of [foreign("ab"), foreign("ab").replace("3f2a9c1b7d10", hostname()), "", "{"]) {
    writeFileSync(path, left);
    notes.length = 0;
    assert.throws(() => takeLockNow(path, "another writer"), /writes to this folder/);
    const lock = await takeLock(path, "another writer", waiting);
    assert.ok(lock.held());
    assert.is(notes.length, 1);
    assert.match(notes[0], /holds .*it is taken over if it is not renewed/);
    lock.release();
    assert.not.ok(names().includes(".lock"));
  }
});

test("a lock is not taken over while its holder renews it, nor from a process that started later", async () => {
  writeFileSync(path, foreign("ab"));
  let time = 1;
  const timer = setInterval(() => utimesSync(path, time, time++), 50);
  const refused = await takeLock(path, "another writer", waiting).catch((error) => error);
  clearInterval(timer);
  assert.is(refused.code, "ERR_INVALID_ARGUMENT");
  assert.match(refused.message, /process 1 on 3f2a9c1b7d10/);
  assert.match(readFileSync(path, "utf8"), /"token":"ab"/);
  rmSync(path);
});

test("a process that has the number of the holder is the holder if it began at the same time, give or take half a second", async () => {
  const own = await takeLock(path, "another writer");
  const written = JSON.parse(readFileSync(path, "utf8")) as { started?: string };
  own.release();
  if (written.started === undefined) return; // not Linux
  // an emulator of another processor tells a process that it began some ticks later than the others see
  for (const [ticks, isHeld] of [
    [0, true],
    [1, true],
    [-40, true],
    [40, true],
    [-400, false],
    [400, false],
  ] as const) {
    // prettier-ignore
    const started = String(Number(written.started) + ticks);
    writeFileSync(path, JSON.stringify({ ...written, started, token: "ab" }));
    if (isHeld) assert.throws(() => takeLockNow(path, "another writer"), /writes to this folder/, String(ticks));
    else takeLockNow(path, "another writer").release();
  }
  rmSync(path, { force: true });
});

test("a holder renews its lock by a timer or on request", async () => {
  const lock = await takeLock(path, "another writer");
  utimesSync(path, 1, 1);
  lock.renew();
  assert.ok(statSync(path).mtimeMs > 1e12);
  utimesSync(path, 1, 1);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.ok(statSync(path).mtimeMs > 1e12, "the timer renewed it");
  lock.release();
  lock.release();
});

test("of two processes that wait for the lock of a dead container, one gets it", async () => {
  writeFileSync(path, foreign("ab"));
  const take = () => takeLock(path, "another writer", waiting).catch((error) => error);
  const results = await Promise.all([take(), take(), take()]);
  const locks = results.filter((result) => "held" in result && result.held());
  assert.is(locks.length, 1);
  for (const result of results)
    if (result instanceof Error) assert.match(result.message, /writes to this folder|at the same time/);
  locks[0].release();
});

test("an aborted signal ends the wait", async () => {
  writeFileSync(path, foreign("ab"));
  const abort = new AbortController();
  const taking = takeLock(path, "another writer", {
    onNote: () => abort.abort(new Error("stop")),
    signal: abort.signal,
  });
  await taking.then(
    () => assert.unreachable(),
    (error) => assert.is(error, abort.signal.reason),
  );
  rmSync(path);
});

test("a process releases its locks when it ends, even if it does not wait for pending work", () => {
  const script = `import(${JSON.stringify(new URL("../../dist/features/lock.js", import.meta.url).href)})
    .then(async ({ takeLock }) => { await takeLock(process.argv[1], "a"); process.exit(3); })`;
  const run = spawnSync(process.execPath, ["-e", script, path]);
  assert.is(run.status, 3, String(run.stderr));
  assert.not.ok(names().includes(".lock"));
});

test.run();
