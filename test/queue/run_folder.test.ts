// The folder of a run says what is to be done and how; what is damaged or does not fit is named, and nothing is listed twice or lost.
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureStore } from "#lib/features/store.js";
import { addToList, compare, reconcile } from "#lib/queue/fill.js";
import { RunFolder } from "#lib/queue/run_folder.js";
import { isError, refused, rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { extractTiny, features, makeVideos, tinyEncoder } from "../features/tiny_extraction.js";
import { MemoryEngine } from "./memory_engine.js";

const test = suite("run folders");
const root = temporaryFolder("run-folder");
const made = join(root, "made");
const OPTIONS = { model: "s3d-tiny", preset: "shapes" };
let cases = 0;

test.before(async () => {
  await makeVideos(made, ["a.mp4"]);
});

/** A run, and a folder for its videos. */
function newRun() {
  const at = join(root, `case-${cases++}`);
  const run = RunFolder.create(join(at, "run"), OPTIONS, "redis://host:6379");
  const videos = join(at, "videos");
  const put = (...names: string[]) => {
    for (const name of names) {
      mkdirSync(join(videos, name, ".."), { recursive: true });
      copyFileSync(join(made, "a.mp4"), join(videos, name));
    }
  };
  const add = async (chunk?: number) => addToList(run, await FeatureStore.read(run.folder), [videos], { chunk });
  /** Names of feature files by video, below the folder of the videos. */
  const names = () =>
    Object.fromEntries(
      [...run.chunks()].flatMap((one) => one.videos.map(({ path, file }) => [path.slice(videos.length + 1), file])),
    );
  return { run, videos, put, add, names };
}

test("a run is opened again with its settings, and only with the same ones", () => {
  const { run } = newRun();
  const again = RunFolder.create(run.folder, { preset: "shapes", model: "s3d-tiny" }, "redis://other:1");
  assert.equal([again.id, again.options, again.queue], [run.id, OPTIONS, "redis://host:6379"]);
  assert.is(RunFolder.open(run.folder).id, run.id);
  assert.throws(
    () => RunFolder.create(run.folder, { ...OPTIONS, fps: 4 }, undefined),
    isError("ERR_INVALID_ARGUMENT", /the run has fps unset, the command 4: use the same options, or another --run/),
  );
  assert.throws(
    () => RunFolder.create(run.folder, { model: "s3d-tiny" }, undefined),
    isError("ERR_INVALID_ARGUMENT", /the run has preset "shapes", the command unset/),
  );
  assert.equal(readdirSync(run.notes), ["run.json"], "no drafts are left");
});

test("two runs have queues of different names", () => {
  assert.is.not(newRun().run.name, newRun().run.name);
});

test("a folder without a run, and a damaged run, are named", () => {
  const { run } = newRun();
  const empty = join(root, "empty");
  assert.throws(() => RunFolder.open(empty), isError("ERR_QUEUE", /empty: there is no run: begin one with videoclip queue add/)); // prettier-ignore
  assert.is(RunFolder.find(empty), undefined);
  const path = join(run.notes, "run.json");
  const file = JSON.parse(readFileSync(path, "utf8"));
  for (const text of [
    "",
    "{",
    "[]",
    JSON.stringify({ ...file, version: 2 }),
    JSON.stringify({ ...file, id: "../../other" }),
    JSON.stringify({ ...file, options: { model: 7 } }),
  ]) {
    writeFileSync(path, text);
    assert.throws(() => RunFolder.open(run.folder), isError("ERR_QUEUE", /run\.json: it does not describe a run/));
    assert.throws(() => RunFolder.find(run.folder), isError("ERR_QUEUE", /run\.json/));
  }
});

test("videos are divided into jobs, and a job finds its videos again", async () => {
  const { run, put, add, names } = newRun();
  put("a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4");
  assert.equal(await add(2), { videos: 5, jobs: 3, listed: 5 });
  const chunks = [...run.chunks()];
  assert.equal(chunks.map(({ videos }) => videos.length), [2, 2, 1]); // prettier-ignore
  assert.is(new Set(chunks.map(({ id }) => id)).size, 3);
  for (const chunk of chunks) assert.equal(run.chunk(chunk.data), chunk);
  const [{ data, videos }] = chunks;
  assert.equal(run.chunk({ ...data, alone: videos[1].path }).videos, [videos[1]]);
  assert.equal(Object.keys(names()).length, 5);
});

test("videos that are added later get separate names, those of one process that goes on", async () => {
  const { videos, put, add, names } = newRun();
  const encoder = await tinyEncoder();
  try {
    const out = join(root, "alone");
    put("one/a.mp4", "one/b.mp4");
    assert.equal(await add(), { videos: 2, jobs: 2, listed: 2 });
    await extractTiny(encoder, [videos], out);
    put("two/a.mp4", "two/b.MP4", "two/c.mp4", "three/c.mp4");
    assert.equal(await add(), { videos: 4, jobs: 4, listed: 6 });
    await extractTiny(encoder, [videos], out, { resume: true });
    assert.equal(await add(), { videos: 0, jobs: 0, listed: 6 });
    const files = names();
    assert.equal([files["one/a.mp4"], files["one/b.mp4"]], ["a.npy", "b.npy"]);
    assert.is(new Set(Object.values(files).map((name) => name.toLowerCase())).size, 6);
    assert.equal(Object.values(files).sort(), features(out));
  } finally {
    encoder.dispose();
  }
});

test("only one process adds videos at a time", async () => {
  const { put, add, names } = newRun();
  put("a.mp4", "b.mp4");
  const [first, second] = await Promise.allSettled([add(), add()]);
  const refusal = [first, second].find(({ status }) => status === "rejected") as PromiseRejectedResult;
  assert.ok(refusal, "both were accepted");
  assert.match(refusal.reason.message, /another videoclip queue add \(process \d+ on .*\) writes to this folder/);
  assert.equal(Object.keys(names()), ["a.mp4", "b.mp4"]);
  assert.is((await add()).videos, 0, "the lock is free again");
});

test("a damaged line of a list is named by its place, by workers and by reconcile", async () => {
  const { run, put, add } = newRun();
  put("a.mp4", "b.mp4");
  await add(1);
  const [, second] = [...run.chunks()];
  const path = join(run.notes, "list-000001.jsonl");
  const bytes = readFileSync(path);
  const place = new RegExp(`list-000001\\.jsonl: at byte ${second.data.at} is no list of videos`);
  for (const damage of ["\0\0\0\0", '{"a"', '{"p":1}'.padEnd(second.data.bytes)]) {
    writeFileSync(path, bytes);
    const copy = Buffer.from(bytes);
    copy.write(damage, second.data.at);
    writeFileSync(path, copy);
    assert.throws(() => run.chunk(second.data), isError("ERR_QUEUE", place), JSON.stringify(damage));
    const store = await FeatureStore.read(run.folder);
    await refused(compare(run, store), place, "ERR_QUEUE");
    await refused(reconcile(run, new MemoryEngine(), store), place, "ERR_QUEUE");
  }
});

test("a job of a list that is gone or cut short, or of a strange name, is refused", async () => {
  const { run, put, add } = newRun();
  put("a.mp4", "b.mp4");
  await add(1);
  const [, { data }] = [...run.chunks()];
  const path = join(run.notes, "list-000001.jsonl");
  writeFileSync(path, readFileSync(path).subarray(0, data.at + 5));
  assert.throws(() => run.chunk(data), isError("ERR_QUEUE", /at byte \d+ is no list of videos/));
  rmSync(path);
  assert.throws(() => run.chunk(data), isError("ERR_QUEUE", /list-000001\.jsonl: ENOENT/));
  for (const list of ["../../etc/passwd", "run.json", "list-1.jsonl"])
    assert.throws(() => run.chunk({ ...data, list }), isError("ERR_QUEUE", /it is not the name of a list/));
});

test("a run without videos has nothing to reconcile", async () => {
  const { run } = newRun();
  await refused(
    reconcile(run, new MemoryEngine(), await FeatureStore.read(run.folder)),
    /the run has no videos: add some with videoclip queue add/,
    "ERR_QUEUE",
  );
});

test("the first worker fixes the identity of a run; others receive the first difference", async () => {
  const { run } = newRun();
  run.checkIdentity({ model: "s3d", fps: 8 });
  run.checkIdentity({ fps: 8, model: "s3d" });
  for (const [settings, message] of [
    [{ model: "s3dg", fps: 8 }, /its model is "s3dg", that of the run "s3d"/],
    [{ model: "s3d" }, /its fps is none, that of the run 8/],
    [{ model: "s3d", fps: 8, l2: true }, /its l2 is true, that of the run none/],
  ] as const)
    assert.throws(() => run.checkIdentity(settings), isError("ERR_QUEUE", message));
  const path = join(run.notes, "identity.json");
  const other = { ...JSON.parse(readFileSync(path, "utf8")), version: "0.0.1" };
  writeFileSync(path, JSON.stringify(other));
  assert.throws(() => run.checkIdentity({ model: "s3d", fps: 8 }), isError("ERR_QUEUE", /its version is ".*", that of the run "0\.0\.1"/)); // prettier-ignore
  for (const damage of ["", "{", "null"]) {
    writeFileSync(path, damage);
    const error = await rejection(() => run.checkIdentity({ model: "s3d", fps: 8 }));
    assert.match(error.message, /identity\.json: it does not describe features/);
    assert.is(error.code, "ERR_QUEUE");
  }
  assert.ok(existsSync(path));
});

test.run();
