// The progress of a training: lines with epoch, time and mean loss, a bar on a terminal, warnings, and where the model is.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TrainingReport } from "#lib/cli/training_report.js";
import type { RecipeFiles, RecipePlan, StepEvent } from "#lib/train/index.js";

const test = suite("training report");

const plan: RecipePlan = {
  task: "contrastive",
  device: "cpu",
  precision: "f32",
  parameters: 10,
  examples: 12,
  examplesPerUpdate: 4,
  steps: 6,
  epochs: 2,
  start: 0,
  finished: false,
  warnings: [],
};
const files: RecipeFiles = { folder: "run", model: "run/model", checkpoints: "run/checkpoints" };
const event = (step: number, change: Partial<StepEvent> = {}): StepEvent => ({
  step,
  loss: step,
  learningRate: 0.01,
  rate: 0.01,
  gradientNorm: 2,
  skipped: false,
  samplesPerSecond: 8,
  measures: {},
  ...change,
});

/** What is written on stderr during some work. */
function written(work: () => void, terminal = false): string {
  const { stderr } = process;
  const texts: string[] = [];
  const cursor = { cursorTo: () => true, clearLine: () => true, moveCursor: () => true, columns: 300 };
  const names = ["isTTY", "write", ...Object.keys(cursor)] as "columns"[];
  const before = Object.fromEntries(names.map((name) => [name, stderr[name]]));
  const write = (text: string) => texts.push(text) > 0;
  Object.assign(stderr, { isTTY: terminal, write }, terminal ? cursor : {});
  try {
    work();
  } finally {
    Object.assign(stderr, before);
  }
  return texts.join("");
}

test("a line has the epoch, the times, and the mean loss since the last line", () => {
  const text = written(() => {
    const report = new TrainingReport({});
    report.start(plan, files);
    for (const step of [1, 2, 3]) report.step(event(step));
    report.step(event(4, { loss: NaN, evaluation: { loss: 1.23456, queries: 9, "R@1": 0.5 }, best: { step: 4, metric: "R@1", value: 0.5 } })); // prettier-ignore
    report.step(event(5, { skipped: true }));
    report.step(event(6));
    report.finish();
  });
  const lines = text.split("\n");
  assert.match(lines[0], /^1\/6: epoch 0\.33\/2, 0 s, ETA 0 s, loss 1, learning rate 0\.01, gradient norm 2, 8\.0 samples\/s$/); // prettier-ignore
  assert.match(lines[1], /^4\/6: epoch 1\.33\/2, .*, loss 2\.5, .*; validation: loss 1\.235, R@1 0\.5 \(best\)$/);
  assert.match(lines[2], /^5\/6: .* loss 5, .*, skipped: not finite$/);
  assert.match(lines[3], /^6\/6: epoch 2\/2, /);
  assert.is(lines[4], "model: run/model (step 4, R@1 0.5; the last step is run/checkpoints/step-00000006)");
  assert.is(lines.length, 6);
});

test("a bar on a terminal has the same facts, and lines stay above it", () => {
  const text = written(() => {
    const report = new TrainingReport({});
    report.start(plan, files);
    report.step(event(1));
    report.step(event(2, { evaluation: { "R@1": 0.5 } }));
    report.stop();
  }, true);
  assert.match(text, /1\/6 steps, epoch 0\.33\/2, 0 s, ETA 0 s, loss 1, rate 0\.01, 8\.0 samples\/s/);
  assert.match(text, /\r\x1b\[2K2\/6: epoch 0\.67\/2, .* loss 1\.5, .* R@1 0\.5\n/); // eslint-disable-line no-control-regex
  assert.not.match(text, /^1\/6: /m);
});

test("warnings, and where a resumed run is, come first", () => {
  const start = (change: Partial<RecipePlan>) =>
    written(() => new TrainingReport({}).start({ ...plan, ...change }, files)).split("\n");
  const best = { step: 2, metric: "R@1", value: 0.5 };
  assert.equal(start({ warnings: ["one", "two"], start: 4, best }), [
    "warning: one",
    "warning: two",
    "resumed: 4 of 6 steps are done; the best evaluation so far is that of step 2, R@1 0.5",
    "",
  ]);
  assert.match(start({ start: 6, finished: true })[0], /^the run is finished: 6 of 6 steps are done; more steps/);
  assert.match(start({ start: 5, finished: true, best })[0], /stopped at step 5 of 6 by its patience.*larger patience/);
  assert.equal(start({}), [""]);
});

test("a run that stops early says why", () => {
  const text = written(() => {
    const report = new TrainingReport({});
    report.start(plan, files);
    const best = { step: 1, metric: "loss", value: 2 };
    report.step(event(1, { evaluation: { loss: 2 }, best }));
    report.step(event(2, { evaluation: { loss: 3 }, best, stopped: true }));
    report.finish();
  });
  assert.match(text, "stopped at step 2 of 6: loss did not get better after step 1\n");
});

test("quiet says nothing", () => {
  const text = written(() => {
    const report = new TrainingReport({ quiet: true });
    report.start({ ...plan, warnings: ["one"] }, files);
    report.step(event(6));
    report.finish();
  });
  assert.is(text, "");
});

test.run();
