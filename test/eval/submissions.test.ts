// Submissions are read from files in their formats, and errors name file and line.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { scoreChoices, scoreCoin, scoreCrossTask, scoreDidemo } from "#lib/eval/index.js";
import { npyBytes } from "#lib/weights/npy.js";
import { videoclip } from "../support/command_line.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("scores of files");
const scratch = temporaryFolder("scores");
const write = (name: string, text: string | Uint8Array) => {
  writeFileSync(join(scratch, name), text);
  return join(scratch, name);
};
const lines = (name: string, rows: object[]) => write(name, rows.map((row) => JSON.stringify(row)).join("\n"));

test("MSR-VTT multiple choice is scored", async () => {
  const truth = write(
    "MSR_MC_test.csv",
    'vid_key\ta1\ta2\ta3\ta4\ta5\tanswer\nmsr1\ta "quoted\tb\tc\td\te\t1\nmsr2\ta\tb\tc\td\te\t4\n',
  );
  const good = lines("qa.jsonl", [
    { vid_key: "msr1", answer: 1 },
    { vid_key: "msr2", scores: [5, 1, 1, 1, 4] },
  ]);
  assert.equal(await scoreChoices(truth, good), { questions: 2, accuracy: 0.5 });
  // of equal scores the first is chosen, as in the original
  const ties = lines("ties.jsonl", [{ vid_key: "msr1", scores: [1, 1, 0, 0, 0] }, { vid_key: "msr2", answer: 4 }]); // prettier-ignore
  assert.is((await scoreChoices(truth, ties)).accuracy, 0.75);
  assert.is((await scoreChoices(truth, ties, { ties: "mmpt" })).accuracy, 0.5);
  await refused(scoreChoices(truth, lines("half.jsonl", [{ vid_key: "msr1", answer: 1 }])), /missing: 1 \(msr2/);
  await refused(scoreChoices(truth, lines("four.jsonl", [{ vid_key: "msr1", scores: [1] }, { vid_key: "msr2", answer: 0 }])), /four\.jsonl:1: scores: expected 5 scores/); // prettier-ignore
});

test("COIN is scored", async () => {
  const entry = (subset: string, annotation: object[]) => ({ duration: 5.4, subset, recipe_type: 3, annotation });
  const truth = write(
    "COIN.json",
    JSON.stringify({
      database: {
        one: entry("testing", [{ id: "7", segment: [1, 3], label: "stir" }]),
        two: entry("training", []),
      },
    }),
  );
  const metrics = await scoreCoin(truth, lines("coin.jsonl", [{ video: "one", labels: [0, 7, 0, 0, 0] }]));
  assert.is(metrics.frameAccuracy, 4 / 5);
  assert.is(metrics.frameAccuracyWithoutBackground, 1 / 2);
  await refused(scoreCoin(truth, lines("long.jsonl", [{ video: "one", labels: [0, 7] }])), /long\.jsonl:1: labels: expected a class for each of about 5 s/); // prettier-ignore
  const bad = write(
    "bad.json",
    '{"database": {"one": {"duration": 3, "annotation": [{"id": "x", "segment": [0, 1]}]}}}',
  );
  await refused(scoreCoin(bad, join(scratch, "coin.jsonl")), /database\.one\.annotation\[0\]\.id: expected a positive/);
});

test("CrossTask is scored", async () => {
  mkdirSync(join(scratch, "annotations"));
  write("annotations/23521_abc_d.csv", "1,2.5,4.1\n3,9,10\n");
  write("annotations/23521_other.csv", "1,0,1\n");
  const truth = join(scratch, "annotations");
  const row = { task: "23521", video: "abc_d", seconds: [4, 5, 11] };
  const metrics = await scoreCrossTask(truth, lines("steps.jsonl", [row]));
  assert.is(metrics.averageRecall, 1 / 2); // second 4 is in [2, 5), 11 is not in [9, 10)
  // a video of 9 s, so the third step is behind its end
  assert.is((await scoreCrossTask(truth, lines("long.jsonl", [{ ...row, length: 9 }]))).averageRecall, 1);
  await refused(scoreCrossTask(truth, lines("half.jsonl", [{ ...row, length: 0.5 }])), /length: expected an integer/);
  await refused(scoreCrossTask(truth, lines("few.jsonl", [{ ...row, seconds: [4] }])), /at least 3/);
  await refused(scoreCrossTask(truth, lines("none.jsonl", [{ ...row, video: "zzz" }])), /unknown: 1 \(23521_zzz/);
});

test("DiDeMo is scored, in both formats", async () => {
  const query = { annotation_id: 9, description: "a cat", video: "v", times: [[1, 1], [1, 2]], num_segments: 6 }; // prettier-ignore
  const truth = write("test_data.json", JSON.stringify([query]));
  const segments = [[1, 1], [1, 2]]; // prettier-ignore
  const expected = { queries: 1, "rank@1": 0, "rank@5": 1, mIoU: 0.75 };
  assert.equal(await scoreDidemo(truth, write("moments.json", JSON.stringify([segments]))), expected);
  assert.equal(await scoreDidemo(truth, lines("moments.jsonl", [{ annotation_id: 9, segments }])), expected);
  await refused(scoreDidemo(truth, write("two.json", "[[], []]")), /expected 1 lists of moments, received 2/);
  await refused(scoreDidemo(truth, write("empty.json", "[[]]")), /\[0\]: expected at least one moment/);
});

test("videoclip eval retrieval scores a matrix", () => {
  const similarity = write("s.npy", npyBytes(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3], "f32"));
  const truth = write("truth.txt", "2\n0 2\n");
  const run = (...args: string[]) => videoclip("eval", "retrieval", ...args);
  const { stdout } = run("--similarity", similarity, "--truth", truth, "--bootstrap", "50", "--json");
  const metrics = JSON.parse(stdout) as Record<string, unknown>;
  assert.is(metrics["R@1"], 1);
  assert.is(metrics.queries, 2);
  assert.ok(metrics.intervals);
  assert.is(run("--similarity", similarity, "--ties", "none").status, 2);
  const missing = run("--similarity", join(scratch, "missing.npy"));
  assert.is(missing.status, 1);
  assert.match(missing.stderr, /missing\.npy/);
});

test.run();
