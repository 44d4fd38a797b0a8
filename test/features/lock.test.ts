// The lock of a folder: one holder, taken over from a process that is gone, and nothing left beside it.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { takeLock } from "../../dist/features/lock.js";

const test = suite("lock");
const folder = mkdtempSync(join(tmpdir(), "lock-"));
const path = join(folder, ".lock");
const names = () => readdirSync(folder).sort();
const gone = spawnSync(process.execPath, ["-e", ""]).pid;
const holder = (pid: number, token: string) => JSON.stringify({ pid, host: hostname(), token });

test("one at a time; released, it is gone", () => {
  const lock = takeLock(path, "another writer");
  assert.ok(lock.held());
  assert.equal(names(), [".lock"]);
  assert.throws(() => takeLock(path, "another writer"), /another writer \(process \d+ on .*\) writes to this folder/);
  assert.equal(names(), [".lock"]);
  lock.release();
  assert.equal(names(), []);
});

test("taken over from a process that is gone, with what it and others left", () => {
  writeFileSync(path, holder(gone, "0".repeat(16)));
  writeFileSync(`${path}-${"a".repeat(16)}`, holder(gone, "a".repeat(16)));
  writeFileSync(`${path}-${"a".repeat(16)}-stale`, holder(gone, "0".repeat(16)));
  writeFileSync(`${path}-${"b".repeat(16)}-stale`, holder(gone, "0".repeat(16)));
  writeFileSync(`${path}-${"c".repeat(16)}`, "");
  utimesSync(`${path}-${"c".repeat(16)}`, 1, 1);
  // of a process that is at it, and of nobody
  writeFileSync(`${path}-${"d".repeat(16)}`, holder(process.pid, "d".repeat(16)));
  writeFileSync(`${path}-${"e".repeat(16)}`, "");
  writeFileSync(`${path}-notes`, "");
  takeLock(path, "another writer").release();
  assert.equal(names(), [`.lock-${"d".repeat(16)}`, `.lock-${"e".repeat(16)}`, ".lock-notes"]);
});

test.after(() => rmSync(folder, { recursive: true }));
test.run();
