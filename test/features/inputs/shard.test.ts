// A shard is I of N, written out or read from the variables of a Slurm array or a Kubernetes Indexed Job; what is unclear is refused.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readShard, takeShard } from "#lib/features/inputs/shard.js";
import { isError } from "../../support/errors.js";

const test = suite("shards");
const refuses = (text: string, environment: Record<string, string>, message: RegExp) =>
  assert.throws(() => readShard(text, environment), isError("ERR_INVALID_ARGUMENT", message));

test("I/N is taken as it is, whatever the environment says", () => {
  assert.equal(readShard("2/5", { SLURM_ARRAY_TASK_ID: "9" }), { index: 2, count: 5 });
  assert.equal(readShard("0/1", {}), { index: 0, count: 1 });
});

test("other forms are refused", () => {
  for (const text of ["", "1", "1/", "/2", "a/2", "1/2/3", "-1/2", "1.5/2", "auto/", "auto/x", "AUTO", " 1/2"])
    refuses(text, {}, /^shard: expected I\/N, auto or auto\/N, received /);
  for (const text of ["2/2", "5/2", "0/0"]) refuses(text, {}, /expected I\/N with 0 <= I < N, found/);
});

/** The variables that Slurm sets in the tasks of `--array=FIRST-LAST:STEP`. */
function slurmArray(first: number, last: number, step: number): Record<string, string>[] {
  const ids = Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);
  return ids.map((id) => ({
    SLURM_ARRAY_TASK_ID: String(id),
    SLURM_ARRAY_TASK_MIN: String(first),
    SLURM_ARRAY_TASK_MAX: String(ids.at(-1)),
    SLURM_ARRAY_TASK_STEP: String(step),
    SLURM_ARRAY_TASK_COUNT: String(ids.length),
  }));
}

for (const [first, last, step] of [
  [0, 3, 1],
  [1, 4, 1],
  [10, 20, 2],
  [5, 12, 3],
]) {
  test(`the tasks of a Slurm array ${first}-${last}:${step} share all items`, () => {
    const items = Array.from({ length: 23 }, (_, i) => i);
    const tasks = slurmArray(first, last, step);
    assert.equal(
      tasks.map((environment) => readShard("auto", environment)),
      tasks.map((_, index) => ({ index, count: tasks.length })),
    );
    const taken = tasks.flatMap((environment) => takeShard(items, readShard("auto", environment)));
    assert.equal(taken.sort((a, b) => a - b), items); // prettier-ignore
  });
}

test("auto/N keeps the number when a part of an array is submitted again", () => {
  const [, , third] = slurmArray(0, 7, 1);
  const again = { ...third, SLURM_ARRAY_TASK_MIN: "0", SLURM_ARRAY_TASK_COUNT: "1" };
  assert.equal(readShard("auto/8", again), { index: 2, count: 8 });
  refuses("auto", again, /found 2\/1/);
});

test("tasks of a Slurm array that do not fit are refused", () => {
  const [task] = slurmArray(4, 10, 2);
  refuses(
    "auto",
    { ...task, SLURM_ARRAY_TASK_ID: "5" },
    /SLURM_ARRAY_TASK_ID 5 does not fit to a range from 4 in steps of 2/,
  );
  refuses("auto", { ...task, SLURM_ARRAY_TASK_ID: "2" }, /does not fit/);
  refuses("auto", { ...task, SLURM_ARRAY_TASK_ID: "x" }, /SLURM_ARRAY_TASK_ID is x, and not a whole number/);
  refuses("auto", { ...task, SLURM_ARRAY_TASK_STEP: "0" }, /in steps of 0/);
  refuses("auto", { SLURM_ARRAY_TASK_ID: "1" }, /SLURM_ARRAY_TASK_COUNT is not set: write auto\/N/);
});

test("a pod of an Indexed Job needs the number of pods", () => {
  const pod = { JOB_COMPLETION_INDEX: "3" };
  assert.equal(readShard("auto/8", pod), { index: 3, count: 8 });
  refuses("auto", pod, /a Kubernetes Job does not tell its pods their number: write auto\/N with its completions/);
  refuses("auto/3", pod, /found 3\/3/);
  refuses("auto/8", { JOB_COMPLETION_INDEX: "-1" }, /JOB_COMPLETION_INDEX is -1/);
});

test("outside of an array, auto is refused", () => {
  refuses("auto", {}, /neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set/);
  refuses("auto/4", { SLURM_ARRAY_TASK_ID: "", JOB_COMPLETION_INDEX: "" }, /this is no task of an array/);
});

test("no shard is everything", () => {
  const items = [1, 2, 3];
  assert.equal(takeShard(items, undefined), items);
  assert.equal(takeShard(items, { index: 1, count: 2 }), [2]);
  assert.equal(takeShard(items, { index: 3, count: 4 }), []);
});

test.run();
