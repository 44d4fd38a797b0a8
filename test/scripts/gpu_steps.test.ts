// The run on a GPU ends in time whatever its processes do, and continues behind the unit in which one was lost.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Outcome, runLimited } from "../../scripts/gpu/child.js";
import { readJournal, unfinished } from "../../scripts/gpu/repeat.js";
import { REPEATS, STEPS } from "../../scripts/gpu/steps.js";
import { type JournalLine } from "../support/journal.js";

const test = suite("steps on a GPU");
const folder = mkdtempSync(join(tmpdir(), "videoclip-steps-"));
test.after(() => rmSync(folder, { recursive: true }));

for (const [mode, seconds] of [
  ["full", 8 * 60],
  ["quick", 3 * 60],
] as const) {
  test(`the time limits of a ${mode} run, repetitions included, add up to at most ${seconds} s`, () => {
    const sum = STEPS.reduce((total, { limit }) => total + limit[mode], REPEATS[mode]);
    assert.ok(sum <= seconds, `${sum} s`);
    assert.ok(STEPS.filter(({ part }) => part === "test").some(({ limit }) => limit[mode] > 0));
  });
}

test("the table in docs/gpu.md has the steps and their limits", () => {
  const rows = readFileSync("docs/gpu.md", "utf8").matchAll(/^\| `([A-Za-z ]+)` \| .* \| (\d+) \| (\d*) ?\|$/gm);
  const documented = Array.from(rows, ([, name, full, quick]) => [name, Number(full), Number(quick)]);
  assert.equal(
    documented,
    STEPS.map(({ name, limit }) => [name, limit.full, limit.quick]),
  );
  const { full, quick } = REPEATS;
  assert.match(readFileSync("docs/gpu.md", "utf8"), `| repetitions | see below | ${full} | ${quick} |`);
});

test("a command that hangs is killed with the processes that it started", async () => {
  const log = join(folder, "hang.log");
  const script = `sleep 300 & echo $! > ${folder}/pid; wait`;
  const { result, signal } = await runLimited({ file: "/bin/sh", args: ["-c", script] }, 1, log);
  assert.equal([result, signal], ["timed out", "SIGKILL"]);
  const grandchild = Number(readFileSync(join(folder, "pid"), "utf8"));
  for (let i = 0; i < 100 && isRunning(grandchild); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.not.ok(isRunning(grandchild));
});

/** Whether a process computes: it does not exist, or is a zombie, after it was killed. */
function isRunning(pid: number): boolean {
  const stat = `/proc/${pid}/stat`;
  return existsSync(stat) && !/\) [ZX] /.test(readFileSync(stat, "latin1"));
}

test("the ends of a command are told apart, and its output is in the log", async () => {
  const log = join(folder, "end.log");
  const end = async (script: string) => (await runLimited({ file: "/bin/sh", args: ["-c", script] }, 60, log)).result;
  assert.is(await end("echo out; echo err >&2"), "passed");
  assert.match(readFileSync(log, "utf8"), /\nout\nerr\n$/);
  assert.is(await end("exit 3"), "failed");
  assert.is(await end("kill -SEGV $$"), "crashed");
  assert.is(await end("exit 139"), "crashed");
  assert.is((await runLimited({ file: join(folder, "none"), args: [] }, 60, log)).result, "failed");
  assert.match(readFileSync(log, "utf8"), /ENOENT/);
});

const outcome = (result: Outcome["result"]): Outcome => ({ result, seconds: 1, code: 1, signal: null });
const line = (unit: string, state: JournalLine["state"], code?: string): JournalLine => ({
  unit,
  test: unit,
  state,
  code,
});
const planned = ["a", "b", "c"].map((unit) => line(unit, "planned"));
const passedA = [line("a", "begin"), line("a", "passed")];

test("units are repeated from the one in which the process was lost", () => {
  const crashed = [...planned, ...passedA, line("b", "begin")];
  assert.equal(unfinished(outcome("crashed"), crashed), ["b", "c"]);
  assert.equal(unfinished(outcome("timed out"), crashed), ["b", "c"]);
  assert.equal(unfinished(outcome("crashed"), planned), ["a", "b", "c"]);
  assert.equal(unfinished(outcome("crashed"), []), []);
  const lost = [...passedA, line("b", "begin"), line("b", "failed", "ERR_DEVICE_LOST"), line("c", "begin")];
  assert.equal(unfinished(outcome("failed"), [...planned, ...lost, line("c", "failed", "ERR_DEVICE_LOST")]), [
    "b",
    "c",
  ]);
});

test("a process that only has wrong results is not repeated", () => {
  const wrong = [...planned, ...passedA, line("b", "begin"), line("b", "failed", "ERR_RUN")];
  assert.is(unfinished(outcome("failed"), wrong), undefined);
});

test("a journal whose last line was cut off is read", () => {
  const file = join(folder, "journal.jsonl");
  writeFileSync(file, `${JSON.stringify(line("a", "begin"))}\n{"unit":"a","te`);
  assert.equal(readJournal(file).length, 1);
  assert.equal(readJournal(join(folder, "none.jsonl")), []);
});

test.run();
