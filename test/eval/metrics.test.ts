// Evaluators on cases that are small enough to compute by hand: retrieval, multiple choice, segmentation, steps,
// moments.
import { windowStarts } from "#lib/models/videoclip/videoclip_windows.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { didemoMetrics, didemoSegments, rankSegments } from "#lib/eval/didemo.js";
import { orderedAssignment, stepMetrics } from "#lib/eval/localisation.js";
import { choiceMetrics } from "#lib/eval/multiple_choice.js";
import { retrievalMetrics } from "#lib/eval/retrieval.js";
import { averageWindows, secondLabels, segmentationMetrics, zeroShotLabels } from "#lib/eval/segmentation.js";
import { Random } from "#lib/base/random.js";
import { checkDidemo } from "../../scripts/fixtures/didemo.js";

const test = suite("evaluators");
const near = (got: number, expected: number) => assert.ok(Math.abs(got - expected) < 1e-12, `${got} and ${expected}`);

// ranks of the rows: first, third of three, tied with one other for first
const scores = [9, 1, 2, 5, 3, 4, 1, 7, 7];

test("retrieval: ranks, and the contribution of ties", () => {
  const expected = retrievalMetrics(scores, [3, 3], { at: [1, 2] });
  near(expected["R@1"], (1 + 0 + 0.5) / 3);
  near(expected["R@2"], (1 + 0 + 1) / 3);
  assert.is(expected.medianRank, 1.5);
  near(expected.meanRank, (1 + 3 + 1.5) / 3);
  const optimistic = retrievalMetrics(scores, [3, 3], { ties: "optimistic" });
  near(optimistic["R@1"], 2 / 3);
  assert.is(optimistic.medianRank, 1);
  // the tied query has both places: 1, 3, 1, 2
  const mmpt = retrievalMetrics(scores, [3, 3], { ties: "mmpt" });
  near(mmpt["R@1"], 2 / 4);
  assert.is(mmpt.medianRank, 1.5);
});

test("retrieval: a constant model scores at chance level, and several relevant columns raise the score", () => {
  const constant = new Float32Array(20 * 20);
  const metrics = retrievalMetrics(constant, [20, 20]);
  near(metrics["R@1"], 1 / 20);
  near(metrics["R@10"], 10 / 20);
  near(metrics.meanRank, 10.5);
  const pairs = Array.from({ length: 20 }, (_, i) => [i, (i + 1) % 20]);
  near(retrievalMetrics(constant, [20, 20], { truth: pairs })["R@1"], 2 / 20);
  assert.throws(() => retrievalMetrics([1, Number.NaN], [1, 2]), /NaN in row 0, column 1/);
  assert.throws(() => retrievalMetrics([1, 2], [1, 2], { truth: [[2]] }), /columns from 0 to 1/);
});

test("retrieval: confidence intervals cover the true value as often as stated", () => {
  // 40 queries are correct with probability 0.6; count how often the interval contains 0.6
  let held = 0;
  for (let trial = 0; trial < 200; trial++) {
    const random = new Random(trial, 7);
    const similarity = Float64Array.from({ length: 1600 }, (_, i) => (Math.floor(i / 40) === i % 40 ? 1 : 0));
    for (let q = 0; q < 40; q++) if (random.uniform() > 0.6) similarity[q * 40 + ((q + 1) % 40)] = 2;
    const { intervals } = retrievalMetrics(similarity, [40, 40], { bootstrap: { samples: 200, seed: trial } });
    if (intervals!["R@1"][0] <= 0.6 && intervals!["R@1"][1] >= 0.6) held++;
  }
  assert.ok(held >= 176 && held <= 199, `${held} of 200`);
});

test("multiple choice: accuracy and ties", () => {
  const metrics = choiceMetrics([
    { answer: 2, predicted: 2 },
    { answer: 0, predicted: [1, 3] },
    { answer: 1, predicted: [4, 4, 0, 0] },
  ]);
  near(metrics.accuracy, 1.5 / 3);
});

test("segmentation: seconds, windows, background", () => {
  const labels = secondLabels(
    [
      { label: 3, segment: [1.2, 3.1] },
      { label: 5, segment: [4, 9] },
    ],
    6,
  );
  assert.equal([...labels], [0, 3, 3, 3, 5, 5]);
  const metrics = segmentationMetrics([{ truth: labels, predicted: [0, 3, 3, 0, 5, 0] }]);
  near(metrics.frameAccuracy, 4 / 6);
  near(metrics.frameAccuracyWithoutBackground, 3 / 5);
  near(metrics.backgroundShare, 1 / 6);
  assert.equal(windowStarts(20), [0]);
  assert.equal(windowStarts(32), [0]);
  assert.equal(windowStarts(33), [0, 16]);
  assert.equal(windowStarts(70), [0, 16, 32, 48]);
  // windows of 2 rows and 1 class start at 0 and 1: both contain second 1
  assert.equal([...averageWindows([Float32Array.of(1, 2), Float32Array.of(4, 8)], [0, 1], 3, 1)], [1, 3, 8]);
  assert.equal([...zeroShotLabels(Float32Array.of(1, 2, 5, 4), 2, 3)], [0, 1]);
});

test("steps: the assignment in order has the lowest cost", () => {
  // 4 seconds, 2 steps; step 2 is cheapest at second 0, but step 1 cannot precede it there
  const cost = [3, 0, 1, 5, 2, 2, 9, 3];
  assert.equal(orderedAssignment(cost, 4, 2), [1, 2]);
  assert.throws(() => orderedAssignment([1, 2], 1, 2), /a second for each of 2 steps/);
  // compare with all assignments
  const random = new Random(3);
  for (let trial = 0; trial < 50; trial++) {
    const table = Float64Array.from({ length: 7 * 3 }, () => random.uniform());
    let best = Infinity;
    for (let a = 0; a < 7; a++) {
      for (let b = a + 1; b < 7; b++) {
        for (let c = b + 1; c < 7; c++) best = Math.min(best, table[a * 3] + table[b * 3 + 1] + table[c * 3 + 2]);
      }
    }
    const [a, b, c] = orderedAssignment(table, 7, 3);
    assert.ok(a < b && b < c);
    near(table[a * 3] + table[b * 3 + 1] + table[c * 3 + 2], best);
  }
});

test("steps: recall is computed per task, then averaged over tasks", () => {
  const metrics = stepMetrics([
    // step 0 occurs twice in the video and is found once; step 2 is missed
    { task: "a", truth: [[0, 1, 3], [0, 6, 8], [2, 4, 5]], predicted: [7, 0, 9] }, // prettier-ignore
    { task: "a", truth: [[1, 2, 4]], predicted: [0, 3, 5] },
    { task: "b", truth: [[0, 0, 2]], predicted: [2] }, // the interval excludes its end
  ]);
  near(metrics.recall.a, 2 / 3);
  near(metrics.recall.b, 0);
  near(metrics.averageRecall, 1 / 3);
});

test("steps: annotations behind the end of the video, or shorter than a second, are ignored", () => {
  const truth = [
    [0, 1, 3],
    [1, 9, 12], // partly behind the end of a video of 10 s
    [2, 10, 12], // entirely behind it
    [3, 4, 4],
  ] as const;
  const video = { task: "a", truth, predicted: [2, 9, -1, 4] };
  near(stepMetrics([{ ...video, length: 10 }]).averageRecall, 1);
  near(stepMetrics([{ ...video, length: 9 }]).averageRecall, 1);
  near(stepMetrics([video]).averageRecall, 2 / 3); // a submission that does not give the length
  near(stepMetrics([{ ...video, predicted: [2, 11, 11, 4], length: 10 }]).averageRecall, 1 / 2);
  assert.equal(stepMetrics([{ ...video, length: 1 }]).recall, {}, "a task without a step has no recall");
});

test("multiple choice: the contribution of equal scores", () => {
  const tied = [{ answer: 1, predicted: [3, 3, 1] }, { answer: 0, predicted: [3, 3, 3] }, { answer: 2, predicted: [1, 1, 0] }]; // prettier-ignore
  near(choiceMetrics(tied).accuracy, (1 / 2 + 1 / 3) / 3);
  near(choiceMetrics(tied, "optimistic").accuracy, 2 / 3);
  near(choiceMetrics(tied, "mmpt").accuracy, 1 / 3);
});

test("moments of DiDeMo: ranks and overlaps", () => {
  assert.is(didemoSegments().length, 21);
  const all = didemoSegments();
  const metrics = didemoMetrics([
    // ranks 1, 1, 1 and 2: the best three have mean 1
    { times: [[0, 0], [0, 0], [0, 0], [1, 1]], predicted: all }, // prettier-ignore
    // ranks 1, 2, 3, 7: mean 2; overlaps 1, 0, 0, 1/2: mean of the best three 1/2
    { times: [[0, 0], [1, 1], [2, 2], [0, 1]], predicted: all }, // prettier-ignore
  ]);
  near(metrics["rank@1"], 1 / 2);
  near(metrics["rank@5"], 1);
  near(metrics.mIoU, (1 + 0.5) / 2);
});

test("moments of DiDeMo are ranked as by the original predictor", () => {
  for (const { name, passed, relativeL2 } of checkDidemo("test/fixtures/didemo.json"))
    assert.ok(passed, `${name}: off by ${relativeL2}`);
  // 7 s: chunks 0 and 1 have a second each; the mean of chunk 1 fills the empty places behind the video
  const scores = [...new Array<number>(5).fill(1), 9, 9, ...new Array<number>(25).fill(-4)];
  assert.equal(rankSegments(scores, 7).slice(0, 2), [[1, 1], [0, 1]]); // prettier-ignore
  assert.is(rankSegments(scores, 7).length, 11, "segments that start in chunk 0 or 1");
  assert.equal(
    rankSegments(new Array<number>(32).fill(0), 1),
    didemoSegments().filter(([first]) => first === 0),
  );
});

test.run();
