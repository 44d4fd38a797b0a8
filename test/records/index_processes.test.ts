// Several processes may make the index of a folder at once, be killed while they do, and write at the same time: each
// sees the records of the manifests, and nothing is left behind.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "#lib/base/random.js";
import { RecordIndex } from "#lib/records/record_index.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { addLines } from "./random_history.js";

const test = suite("index processes");
const root = temporaryFolder("processes");
const child = fileURLToPath(new URL("index_child.ts", import.meta.url));

const start = (folder: string, chunk = 4000) =>
  spawn(process.execPath, ["--import", "tsx", child, folder, String(chunk)], { stdio: ["ignore", "pipe", "inherit"] });

async function resultOf(process: ChildProcess): Promise<unknown> {
  let text = "";
  process.stdout!.on("data", (data) => (text += data));
  await once(process, "close");
  return JSON.parse(text);
}

async function expected(folder: string): Promise<{ size: number; paths: string[] }> {
  const index = await RecordIndex.open(folder, { limits: { bytes: Infinity, records: Infinity } });
  return { size: index.size, paths: [...index.inOrder()].map(({ path }) => path) };
}

/** Names in the folder of the index beside its state and the current tables. */
function leftovers(folder: string): string[] {
  const home = join(folder, ".index");
  const { generation } = JSON.parse(readFileSync(join(home, "state.json"), "utf8"));
  const kept = ["state.json", generation, "paths", "marks"];
  return readdirSync(home, { recursive: true }).filter((name) => !kept.includes(String(name).split("/").at(-1)!)) as string[]; // prettier-ignore
}

test("processes that open a folder without an index at once agree, and leave one index", async () => {
  const folder = join(root, "together");
  mkdirSync(folder);
  addLines(folder, new Random(1), 3000, 2000);
  const results = await Promise.all([1, 2, 3, 4].map(() => resultOf(start(folder))));
  const { size } = await expected(folder);
  for (const result of results) assert.equal(result, results[0]);
  assert.is((results[0] as { size: number }).size, size);
  assert.equal(leftovers(folder), []);
});

test("a process that is killed while it makes an index leaves none, or a whole one, and the next one makes it", async () => {
  const folder = join(root, "killed");
  mkdirSync(folder);
  addLines(folder, new Random(2), 6000, 5000);
  const whole = await resultOf(start(folder));
  const random = new Random(3);
  let killed = 0;
  for (let i = 0; i < 6; i++) {
    addLines(folder, random, 200, 5000);
    const process = start(folder, 2000);
    // it makes tables from the moment on that its mark appears
    while (process.exitCode === null && !existsSync(join(folder, ".index", "building"))) await sleep(2);
    await sleep(random.integer(0, 150));
    process.kill("SIGKILL");
    await once(process, "close");
    if (existsSync(join(folder, ".index", "building"))) killed++;
    const index = await RecordIndex.open(folder, { limits: { bytes: 0, records: 0 } });
    const { size, paths } = await expected(folder);
    assert.is(index.size, size);
    assert.equal([...index.inOrder()].map(({ path }) => path), paths); // prettier-ignore
    index.close();
    assert.equal(leftovers(folder), []);
  }
  assert.ok(killed > 0, "at least one process was killed while it made tables");
  assert.ok((whole as { size: number }).size > 1000);
});

test("the mark of a process that has ended is taken over at once", async () => {
  const folder = join(root, "mark");
  mkdirSync(join(folder, ".index"), { recursive: true });
  addLines(folder, new Random(4), 200);
  const gone = spawn(process.execPath, ["-e", ""]);
  await once(gone, "close");
  const own = await import("#lib/base/lock_holder.js");
  writeFileSync(join(folder, ".index", "building"), JSON.stringify({ ...own.ownHolder(), pid: gone.pid, token: "x" }));
  const index = await RecordIndex.open(folder, { limits: { bytes: 0, records: 0 } });
  assert.is(index.size, (await expected(folder)).size);
  assert.equal(leftovers(folder), []);
});

test("an index that others make anew is followed by those that have the old one open", async () => {
  const folder = join(root, "followed");
  mkdirSync(folder);
  const random = new Random(5);
  addLines(folder, random, 300, 200);
  const index = await RecordIndex.open(folder, { limits: { bytes: 0, records: 0 } });
  for (let i = 0; i < 5; i++) {
    addLines(folder, random, 50, 200);
    const before = [...index.inOrder()].length;
    await resultOf(start(folder));
    assert.is([...index.inOrder()].length, before, "the old tables can be read until they are given up");
    await index.refresh();
    assert.equal([...index.inOrder()].map(({ path }) => path), (await expected(folder)).paths); // prettier-ignore
  }
  assert.equal(leftovers(folder), []);
});

test.run();
