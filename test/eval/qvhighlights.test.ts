// The QVHighlights evaluator: every figure of the published sample submission, small cases by hand, bad files.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { detectionAveragePrecision, rankingAveragePrecision } from "#lib/eval/average_precision.js";
import { percent } from "#lib/eval/percent.js";
import { evaluateQVHighlights } from "#lib/eval/qvhighlights.js";
import { type MomentTruth, readMomentPredictions, readMomentTruth } from "#lib/eval/qvhighlights_files.js";
import { videoclip } from "../support/command_line.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("QVHighlights");
const folder = "test/fixtures/qvhighlights";
const truthFile = `${folder}/highlight_val_release.jsonl.gz`;

test("the published sample submission has its published figures", async () => {
  const predictions = await readMomentPredictions(`${folder}/predictions.jsonl.gz`);
  const metrics = evaluateQVHighlights(await readMomentTruth(truthFile), predictions);
  assert.equal(metrics, JSON.parse(readFileSync(`${folder}/metrics.json`, "utf8")));
});

test("average precision of windows equals a computation by hand", () => {
  const truth = [
    [0, 10],
    [20, 30],
  ] as const;
  // in order: a hit, a second window on the same truth (a miss), the other truth
  const predictions = [
    [20, 30, 0.2],
    [0, 10, 0.9],
    [0, 9, 0.5],
  ];
  // precision 1, 1/2, 2/3 at recall 1/2, 1/2, 1: 1/2 * 1 + 1/2 * 2/3
  assert.ok(Math.abs(detectionAveragePrecision(truth, predictions, [0.5])[0] - 5 / 6) < 1e-15);
  assert.equal(detectionAveragePrecision(truth, [[40, 50, 1]], [0.5, 0.7]), [0, 0]);
});

test("average precision of clips equals a computation by hand", () => {
  // ranks: hit, miss, hit, miss: precision 1 at recall 1/2, 2/3 at 1
  assert.ok(Math.abs(rankingAveragePrecision([true, false, true, false], [4, 3, 2, 1]) - 5 / 6) < 1e-15);
  assert.is(rankingAveragePrecision([true, false, true, false], [1, 1, 1, 1]), 0.5); // one step: 2 of 4
  assert.is(rankingAveragePrecision([false, false], [1, 2]), 0);
  assert.is(rankingAveragePrecision([true, true], [1, 2]), 1);
});

test("R1 uses the first window, whatever its score", () => {
  const truth: MomentTruth[] = [
    {
      qid: 1,
      vid: "v",
      query: "q",
      duration: 20,
      relevant_windows: [[0, 10]],
      relevant_clip_ids: [0],
      saliency_scores: [[4, 0, 2]],
    },
  ];
  const metrics = evaluateQVHighlights(truth, [
    {
      qid: 1,
      pred_relevant_windows: [
        [0, 8, 0.1],
        [10, 20, 0.9],
      ],
      pred_saliency_scores: [1, 5], // missing scores are 0
    },
  ]);
  assert.is(metrics.brief["MR-full-R1@0.7"], 100);
  assert.is(metrics.brief["MR-full-mAP@0.5"], 50); // second by score
  assert.ok(Number.isNaN(metrics.brief["MR-long-mAP"])); // no such window
  assert.is(metrics.brief["HL-min-VeryGood-Hit1"], 0);
  // annotators: clip 0 is positive, second of 10; no positive clip; no positive clip at 4
  assert.is(metrics.brief["HL-min-VeryGood-mAP"], percent(0.5 / 3));
});

test("ground truth without saliency gives moments only, and impossible windows are refused or reported", async () => {
  const scratch = temporaryFolder("qvhighlights");
  const warnings: string[] = [];
  const listen = (warning: Error) => void warnings.push(warning.message);
  process.on("warning", listen);
  try {
    const truth = join(scratch, "t.jsonl");
    const line = (fields: object) =>
      `${JSON.stringify({ qid: 1, vid: "AO8RW", query: "a door", duration: 30.96, relevant_windows: [[0, 6.9]], ...fields })}\n`;
    writeFileSync(truth, line({}));
    const prediction = { qid: 1, pred_relevant_windows: [[0, 7, 0.9]], pred_saliency_scores: [1, 2] };
    const metrics = evaluateQVHighlights(await readMomentTruth(truth), [prediction]);
    assert.is(metrics.brief["MR-full-R1@0.7"], 100);
    assert.not.ok("HL-min-Fair" in metrics);
    writeFileSync(truth, line({ relevant_windows: [[0, 60]] }));
    evaluateQVHighlights(await readMomentTruth(truth), [{ qid: 1, pred_relevant_windows: [[0, 7, 0.9]] }]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.match(warnings.join("\n"), /no saliency: highlights are left out/);
    assert.match(warnings.join("\n"), /1 queries have windows that end after their video \(first: qid 1\)/);
    for (const [fields, pattern] of [
      [{ relevant_windows: [[9, 2]] }, /t\.jsonl:1: relevant_windows: expected windows that end after they start/],
      [{ relevant_windows: undefined }, /t\.jsonl:1: it has no relevant_windows: ground truth is expected/],
      [{ relevant_windows: [] }, /at least one window/],
      [{ relevant_clip_ids: [0] }, /saliency_scores: expected/],
    ] as const) {
      writeFileSync(truth, line(fields));
      await refused(readMomentTruth(truth), pattern);
    }
    writeFileSync(truth, line({}) + line({ qid: 2, relevant_clip_ids: [0], saliency_scores: [[1, 2, 3]] }));
    await refused(readMomentTruth(truth), /t\.jsonl:2: saliency_scores: expected saliency in every line or in none/);
  } finally {
    process.off("warning", listen);
    rmSync(scratch, { recursive: true });
  }
});

test("figures have two decimals, and a tie is rounded to the even digit", () => {
  assert.is(percent(0.12125), 12.12); // 12.125
  assert.is(percent(0.12375), 12.38); // 12.375
  assert.is(percent(0.53935), 53.94);
});

test("bad files are refused with file and line", async () => {
  const scratch = temporaryFolder("qvhighlights");
  const refuse = async (text: string, pattern: RegExp) => {
    const file = join(scratch, "p.jsonl");
    writeFileSync(file, text);
    await refused(readMomentPredictions(file), pattern);
  };
  try {
    const good = '{"qid": 1, "pred_relevant_windows": [[0, 1, 1]]}';
    await refuse(`${good}\nnot json`, /p\.jsonl:2: not JSON/);
    await refuse(`${good}\n[]`, /p\.jsonl:2: expected a JSON object/);
    await refuse(`${good}\n${good}`, /qid 1 is there twice/);
    await refuse('{"qid": "1"}', /p\.jsonl:1: qid: expected a number, received "1"/);
    await refuse('{"qid": 1}', /windows, saliency scores or both/);
    await refuse('{"qid": 1, "pred_relevant_windows": [[0, 1]]}', /a list of lists of 3 numbers/);
    await refuse('{"qid": 1, "pred_relevant_windows": [[0, 1, null]]}', /a list of lists of 3 numbers/);
    await refuse(`${good}\n{"qid": 2, "pred_saliency_scores": [1]}`, /the same predictions in every line/);
    await refuse('{"qid": 1, "pred_saliency_scores": [1, NaN]}', /p\.jsonl:1: pred_saliency_scores: expected a list of numbers/); // prettier-ignore
    await refuse("\n", /no lines/);
    const run = (...args: string[]) => videoclip("eval", "qvhighlights", ...args);
    writeFileSync(join(scratch, "p.jsonl"), good);
    const mismatch = run("--truth", truthFile, "--predictions", join(scratch, "p.jsonl"));
    assert.is(mismatch.status, 2, mismatch.stderr);
    assert.match(mismatch.stderr, /one line for each of the 1550 queries, received 1; missing qids: 1550/);
  } finally {
    rmSync(scratch, { recursive: true });
  }
});

test("videoclip eval qvhighlights --json prints the figures", () => {
  const predictions = `${folder}/predictions.jsonl.gz`;
  const { stdout, status } = videoclip(
    "eval",
    "qvhighlights",
    "--truth",
    truthFile,
    "--predictions",
    predictions,
    "--json",
  );
  assert.is(status, 0);
  assert.equal(JSON.parse(stdout), JSON.parse(readFileSync(`${folder}/metrics.json`, "utf8")));
});

test.run();
