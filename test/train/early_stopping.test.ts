// A run ends by its patience, goes on counting when it is resumed, and leaves a checkpoint when its loop is left.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { readMetrics } from "#lib/train/metrics.js";
import { type StepEvent, Trainer } from "#lib/train/trainer.js";
import type { Evaluation, TrainerOptions } from "#lib/train/trainer_options.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { initialise, options } from "./small_run.js";

const test = suite("early stopping");
const newFolder = () => join(temporaryFolder("early"), "run");

/** Trains to the end, or until `leave` steps are done. */
async function train(change: Partial<TrainerOptions>, leave = Infinity) {
  const device = createDevice({ device: "cpu", threads: 1 });
  initialise(device);
  const trainer = new Trainer(options(device, { steps: 10, ...change }));
  const events: StepEvent[] = [];
  try {
    for await (const event of trainer.run()) {
      events.push(event);
      if (events.length === leave) break;
    }
    return { events, stopped: trainer.stopped, best: trainer.best };
  } finally {
    trainer.dispose();
    device.dispose();
  }
}

/** An evaluation of every step whose metric has these values from step 1 on. */
const scores = (values: readonly number[], patience?: number, metric = "recall"): Evaluation => {
  let next = 0;
  return {
    every: 1,
    run: () => Promise.resolve({ [metric]: values[next++] }),
    best: { metric, mode: "max" },
    patience,
  };
};
const steps = ({ events }: { events: readonly StepEvent[] }) => events.map(({ step }) => step);

test("training ends after as many evaluations without a better value as its patience", async () => {
  const folder = newFolder();
  const run = await train({ folder, evaluation: scores([0.1, 0.3, 0.3, 0.2, 0.1, 0.9], 3) });
  assert.equal(steps(run), [1, 2, 3, 4, 5]);
  assert.equal(
    run.events.map(({ stopped }) => stopped ?? false),
    [false, false, false, false, true],
  );
  assert.ok(run.stopped);
  assert.equal(run.best, { step: 2, metric: "recall", value: 0.3 });
  assert.equal(run.events[4].best, run.best);
  assert.equal(readdirSync(join(folder, "checkpoints")).sort(), ["step-00000001", "step-00000002", "step-00000005"]);
  const [line] = readMetrics(join(folder, "metrics.jsonl"));
  assert.not("best" in line || "stopped" in line);
  assert.is(
    (await train({ evaluation: scores([0.5, 0.4, 0.3, 0.6, 0.1, 0.2, 0.3, 0.4, 0.5, 0.1], 6) })).events.length,
    10,
  );
  const falling = { ...scores([3, 2, 2.5, 1, 2, 2], 2), best: { metric: "recall", mode: "min" as const } };
  assert.equal(steps(await train({ evaluation: falling })), [1, 2, 3, 4, 5, 6]);
});

test("a resumed run goes on counting, and one that has ended does nothing", async () => {
  const folder = newFolder();
  const values = [0.5, 0.4, 0.3, 0.2, 0.1, 0.6];
  await train({ folder, evaluation: scores(values, 4) }, 3);
  const rest = await train({ folder, resume: true, evaluation: scores(values.slice(3), 4) });
  assert.equal(steps(rest), [4, 5]);
  assert.ok(rest.stopped);
  const again = await train({ folder, resume: true, evaluation: scores(values.slice(5), 4) });
  assert.equal(steps(again), []);
  assert.ok(again.stopped);
  const patient = await train({ folder, resume: true, steps: 6, evaluation: scores(values.slice(5), 5) });
  assert.equal(steps(patient), [6]);
  assert.equal(patient.best, { step: 6, metric: "recall", value: 0.6 });
});

test("a value that is not a number is not better, and another metric begins anew", async () => {
  const folder = newFolder();
  const run = await train({ folder, steps: 3, evaluation: scores([0.5, NaN, 0.4]) });
  assert.equal(run.best, { step: 1, metric: "recall", value: 0.5 });
  const other = await train({ folder, steps: 4, resume: true, evaluation: scores([0.1], 9, "accuracy") });
  assert.equal(other.best, { step: 4, metric: "accuracy", value: 0.1 });
  const stopped = newFolder();
  assert.ok((await train({ folder: stopped, evaluation: scores([0.5, 0.4, 0.3], 2) })).stopped);
  const anew = await train({ folder: stopped, resume: true, evaluation: scores([0.1, 0.2, 0.1, 0.1], 2, "accuracy") });
  assert.equal(steps(anew), [4, 5, 6, 7], "the patience of the other metric is not used up");
  const error = await rejection(train({ evaluation: { ...scores([1]), best: { metric: "rocall", mode: "max" } } }));
  assert.match(error.message, "evaluation.best.metric: expected one of recall");
});

test("a loop that is left leaves a checkpoint", async () => {
  const folder = newFolder();
  await train({ folder }, 4);
  assert.equal(readdirSync(join(folder, "checkpoints")), ["step-00000004"]);
  const state = JSON.parse(readFileSync(join(folder, "checkpoints", "step-00000004", "state.json"), "utf8"));
  assert.is(state.step, 4);
  const whole = await train({});
  const rest = await train({ folder, resume: true });
  assert.equal(rest.events.map(({ loss }) => loss), whole.events.slice(4).map(({ loss }) => loss)); // prettier-ignore
});

test("a trainer that is opened knows where its run is", async () => {
  const folder = newFolder();
  await train({ folder, steps: 3, evaluation: scores([0.5, 0.7, 0.6]) });
  const device = createDevice({ device: "cpu", threads: 1 });
  initialise(device);
  const trainer = new Trainer(options(device, { steps: 5, folder, resume: true }));
  await trainer.open();
  assert.is(trainer.step, 3);
  assert.is(trainer.best?.step, 2);
  const seen: number[] = [];
  for await (const { step } of trainer.run()) seen.push(step);
  assert.equal(seen, [4, 5]);
  trainer.dispose();
  device.dispose();
});

test("wrong patience is refused", () => {
  const device = createDevice({ device: "cpu", threads: 1 });
  const refused = (evaluation: Evaluation, pattern: RegExp) =>
    assert.throws(() => new Trainer(options(device, { evaluation })), pattern);
  refused(scores([], 0), /evaluation\.patience: expected a positive integer, received 0/);
  refused(
    { ...scores([], 2), best: undefined },
    /evaluation\.best: expected a metric and its mode, which patience follows/,
  );
  device.dispose();
});

test.run();
