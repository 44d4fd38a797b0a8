// A video is charged with the deaths of the processes that had begun it, once for each, and with nothing else.
import { spawnSync } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { aloneId, Crashes } from "#lib/queue/crashes.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("crashes");
const MODULE = resolve("dist/queue/crashes.js");

/** A worker that dies while videos are open. @param last code that runs before the death */
function die(folder: string, worker: string, paths: readonly string[], last = ""): void {
  const code = `
    import { Crashes } from ${JSON.stringify(MODULE)};
    const crashes = new Crashes(${JSON.stringify(folder)}, ${JSON.stringify(worker)});
    for (const path of ${JSON.stringify(paths)}) crashes.begin(path, "job 0");
    ${last}
    process.kill(process.pid, "SIGKILL");`;
  const { signal, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" });
  assert.is(signal, "SIGKILL", stderr);
}

/** Deaths by video, as another worker counts them that receives their job after a lost lease. */
const charge = (folder: string, paths: readonly string[], isLost = true) =>
  Object.fromEntries(new Crashes(folder, "judge").charge(new Set(paths), isLost));

test("all videos that were open at a death are charged, once, however often somebody looks", () => {
  const folder = temporaryFolder("crashes");
  die(folder, "a", ["x", "y"]);
  assert.equal(charge(folder, ["x", "y", "z"]), { x: 1, y: 1 });
  assert.equal(charge(folder, ["x", "y", "z"]), { x: 1, y: 1 });
  assert.equal(Object.fromEntries(new Crashes(folder, "another").charge(new Set(["x"]), true)), { x: 1 });
});

test("each death counts, also of workers that share a name one after another", () => {
  const folder = temporaryFolder("crashes");
  die(folder, "a", ["x"]);
  die(folder, "a", ["x"]);
  die(folder, "b", ["x"]);
  assert.equal(charge(folder, ["x"]), { x: 3 });
});

test("videos of other jobs, and those that have a result, are not charged", () => {
  const folder = temporaryFolder("crashes");
  die(folder, "a", ["x", "y"]);
  assert.equal(charge(folder, ["y"]), { y: 1 });
  assert.equal(charge(folder, []), {});
});

test("nobody is charged before a lease was lost; deaths that were charged stay", () => {
  const folder = temporaryFolder("crashes");
  die(folder, "a", ["x"]);
  assert.equal(charge(folder, ["x"], false), {});
  assert.equal(charge(folder, ["x"], true), { x: 1 });
  assert.equal(charge(folder, ["x"], false), { x: 1 });
});

test("a lease that ended in order charges nobody, even if its process dies later", () => {
  const folder = temporaryFolder("crashes");
  die(folder, "a", ["x"], 'crashes.end("job 0"); crashes.begin("y", "job 1");');
  assert.equal(charge(folder, ["x", "y"]), { y: 1 });
});

test("a process of this machine that is alive is spared", () => {
  const folder = temporaryFolder("crashes");
  const living = new Crashes(folder, "a");
  living.begin("x", "job 0");
  assert.equal(charge(folder, ["x"]), {});
});

test("a process of another machine whose lease was lost is taken for dead", () => {
  const folder = temporaryFolder("crashes");
  const by = { pid: process.pid, host: "elsewhere" };
  writeFileSync(join(folder, "started.b-00.jsonl"), `${JSON.stringify({ path: "x", lease: "00 job 0", by })}\n`);
  assert.equal(charge(folder, ["x"]), { x: 1 });
});

test("a death that two workers charge at the same time counts once", () => {
  const folder = temporaryFolder("crashes");
  const death = JSON.stringify({ path: "x", lease: "00 job 0", at: "2026-01-01" });
  for (const worker of ["a", "b"]) writeFileSync(join(folder, `deaths.${worker}.jsonl`), `${death}\n`);
  assert.equal(charge(folder, ["x"]), { x: 1 });
});

test("lines that a death or a failing disk has damaged are passed over", () => {
  const folder = temporaryFolder("crashes");
  die(folder, "a", ["x"]);
  const [name] = readdirSync(folder);
  appendFileSync(join(folder, name), '{"path": "y", "le');
  writeFileSync(join(folder, "started.b-00.jsonl"), '\0\0\0\nnull\n[]\n"x"\n{"path":"x"}\n');
  writeFileSync(join(folder, "deaths.b.jsonl"), "nonsense\n{}\n");
  assert.is(charge(folder, ["x", "y"]).y, undefined);
  assert.ok(charge(folder, ["x"]).x >= 1);
});

test("the notes of an orderly life disappear, and those of a long one do not grow", () => {
  const folder = temporaryFolder("crashes");
  const crashes = new Crashes(folder, "a");
  for (let i = 0; i < 2000; i++) {
    crashes.begin(`video ${i}`, `job ${i}`);
    crashes.end(`job ${i}`);
  }
  const [name] = readdirSync(folder);
  assert.ok(statSync(join(folder, name)).size < 200_000, `${statSync(join(folder, name)).size} bytes`);
  assert.ok(readFileSync(join(folder, name), "utf8").endsWith("\n"));
  crashes.begin("x", "last");
  crashes.close();
  assert.equal(readdirSync(folder), [name], "a video is open");
  crashes.end("last");
  crashes.close();
  assert.equal(readdirSync(folder), []);
});

test("the job of a video alone has a separate name", () => {
  assert.is.not(aloneId("000001-7", "a"), aloneId("000001-7", "b"));
  assert.is.not(aloneId("000001-7", "a"), aloneId("000001-70", "a"));
  assert.match(aloneId("000001-7", "a:b"), /^000001-7-alone-[0-9a-f]{16}$/);
});

test.run();
