// Wrong configurations of videoclip train are refused with messages that explain them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "#lib/base/errors.js";
import { checkRecipe, readRecipe } from "#lib/train/recipes/read.js";
import { makeSchedule, type Schedule } from "#lib/train/schedules.js";
import { type MetricsLine, readMetrics } from "#lib/train/metrics.js";
import { measuresOf, plotSvg } from "#lib/train/plot.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("train config");
const folder = temporaryFolder("config");

const config = {
  task: "contrastive",
  out: "run",
  model: { config: { hiddenSize: 32 } },
  data: { train: "pairs.jsonl" },
  optimizer: { kind: "adam", beta2: 0.98, maxNorm: 2 },
  schedule: { kind: "polynomial", learningRate: 5e-5, warmup: 1000, total: 1000000 },
  steps: 10,
  batch: 4,
};

const refused = (value: unknown, pattern: RegExp) =>
  assert.throws(
    () => checkRecipe(value),
    (error: unknown) => {
      assert.instance(error, InvalidArgumentError);
      assert.match((error as Error).message, pattern);
      return true;
    },
  );

test("a complete configuration is accepted unchanged", () => {
  assert.equal(checkRecipe(config), config);
});

test("an unknown key is an error that suggests the intended key", () => {
  refused({ ...config, stpes: 5 }, /stpes: unknown key; did you mean steps\?/);
  refused(
    { ...config, optimizer: { kind: "adam", weigthDecay: 1 } },
    /optimizer\.weigthDecay: unknown key; did you mean weightDecay\?/,
  );
  refused(
    { ...config, schedule: { kind: "linear", learningRate: 1, total: 5, power: 2 } },
    /schedule\.power: unknown key, expected one of kind, learningRate, warmup, total/,
  );
  refused(
    { ...config, optimizer: { kind: "sgd", groups: [{ match: "a", frosen: true }] } },
    /optimizer\.groups\.0\.frosen: unknown key; did you mean frozen\?/,
  );
  refused({ ...config, data: { train: "x", lenght: 5 } }, /data\.lenght: unknown key/);
});

test("errors for wrong values have the key, the expected and the received value", () => {
  refused({ ...config, steps: 0 }, /^config: steps: expected a number above 0, received 0$/);
  refused({ ...config, steps: 1.5 }, /steps: expected an integer, received 1.5$/);
  refused({ ...config, batch: "8" }, /batch: expected a number, received "8"$/);
  refused({ ...config, dropout: 1 }, /dropout: expected a number below 1, received 1$/);
  refused({ ...config, out: "" }, /out: expected a path, received ""$/);
  refused({ ...config, out: undefined }, /out: expected a string, received nothing$/);
  refused({ ...config, device: "gpu" }, /device: expected auto, cpu, cuda or cuda:N, received "gpu"$/);
  refused({ ...config, precision: "f64" }, /precision: expected auto, f32, tf32, bf16 or f16, received "f64"$/);
  refused({ ...config, steps: Infinity }, /steps: expected a number, received Infinity$/);
  refused({ ...config, patience: 0 }, /patience: expected a number above 0, received 0$/);
  refused({ ...config, metric: "R@2" }, /metric: expected R@1, R@5, .* or loss, received "R@2"$/);
  refused(
    { ...config, optimizer: { kind: "adam", groups: [{ match: "(" }] } },
    /optimizer\.groups\.0\.match: expected a regular expression, received "\("$/,
  );
  refused([], /^config: the file: expected an object, received \[\]$/);
  refused(
    { ...config, optimizer: { kind: "sgd", groups: [{ match: 5 }] } },
    /optimizer\.groups\.0\.match: expected a string, received 5$/,
  );
});

test("the error for a missing or unknown kind lists the existing kinds", () => {
  const { task: _, ...without } = config;
  refused(without, /^config: task: expected contrastive, coin, crosstask or pretraining, received nothing$/);
  refused({ ...config, task: "dance" }, /task: expected .* or pretraining, received "dance"$/);
  refused({ ...config, optimizer: {} }, /optimizer\.kind: expected adam, adamw or sgd, received nothing$/);
  refused(
    { ...config, schedule: { kind: "cosin", learningRate: 1 } },
    /schedule\.kind: expected constant, .* received "cosin"/,
  );
});

test("the error for a value of several types is about the intended type", () => {
  const retrieval = (value: unknown) => ({ ...config, data: { pack: "x", retrieval: value } });
  refused(retrieval(true), /data\.retrieval: expected false or an object, received true$/);
  refused(
    retrieval({ candidates: -1 }),
    /^config: data\.retrieval\.candidates: expected a number above 0, received -1$/,
  );
  refused(retrieval({ candidate: 1 }), /^config: data\.retrieval\.candidate: unknown key; did you mean candidates\?$/);
});

test("$schema is accepted, and removed from the configuration", () => {
  assert.equal(checkRecipe({ $schema: "./train.schema.json", ...config }), config);
});

test("a schedule without total ends with the run, and its warm-up must be shorter", () => {
  const schedule = { kind: "linear", learningRate: 1, warmup: 5 };
  const rates = (change: object, steps: number) => {
    const learningRate = makeSchedule(checkRecipe({ ...config, schedule: { ...schedule, ...change } }).schedule, steps);
    return [5, 10, 20].map(learningRate);
  };
  assert.equal(rates({}, 10), [1, 0, 0]);
  assert.equal(rates({ total: undefined }, 10), [1, 0, 0]);
  assert.equal(rates({ total: 25 }, 10), [1, 0.75, 0.25]);
  assert.throws(
    () => rates({}, 5),
    /schedule\.warmup: expected less than the 5 steps of the run, or a total beyond it, received 5/,
  );
  assert.throws(() => rates({ total: 5 }, 10), /schedule\.total: expected more than warmup \(5\), received 5/);
});

test("--set changes keys, with values as JSON or strings", () => {
  const file = join(folder, "run.json");
  writeFileSync(file, JSON.stringify(config));
  const changed = readRecipe(file, [
    "steps=20",
    "schedule.learningRate=1e-3",
    "out=other",
    "model.tokenizer=vocab.txt",
  ]);
  assert.is(changed.steps, 20);
  assert.is(changed.out, "other");
  assert.equal(changed.schedule, { ...config.schedule, learningRate: 1e-3 });
  assert.equal(changed.model, { ...config.model, tokenizer: "vocab.txt" });
  assert.throws(() => readRecipe(file, ["steps"]), /--set: expected key=value/);
  assert.throws(() => readRecipe(file, ["steps.x=1"]), /--set steps.x=1: steps is no object/);
  assert.throws(() => readRecipe(file, ["stesp=1"]), /did you mean steps/);
  assert.throws(() => readRecipe(file, ["__proto__.x=1"]), /no object/);
  assert.throws(() => readRecipe(file, ["out="]), /out: expected a path, received ""/);
  assert.throws(() => readRecipe(file, ["data.train="]), /data\.train: expected a path, received ""/);
  assert.is(readRecipe(file, { steps: 20, "schedule.learningRate": 1 }).steps, 20);
  assert.throws(() => readRecipe(file, { stesp: 1 }), /did you mean steps/);
  assert.throws(() => readRecipe(file, { "constructor.x": 1 }), /no object/);
  writeFileSync(file, "{");
  assert.throws(() => readRecipe(file), /expected a JSON file/);
});

test("the deprecated names of the learning rate give the same configuration", () => {
  const { learningRate, ...schedule } = config.schedule;
  const old = { ...config, schedule: { ...schedule, rate: learningRate } };
  assert.equal(checkRecipe(old), checkRecipe(config));
  // `schedule.rate` is @deprecated
  assert.is(old.schedule.rate, learningRate, "the argument is not changed");
  const file = join(folder, "old.json");
  const optimizer = { ...config.optimizer, groups: [{ match: "bias", rate: 0.1 }] };
  writeFileSync(file, JSON.stringify({ ...old, optimizer }));
  for (const name of ["rate", "learningRate"]) {
    const changed = readRecipe(file, [`schedule.${name}=1e-3`]);
    assert.equal(changed.schedule, { ...config.schedule, learningRate: 1e-3 });
    assert.equal(changed.optimizer.groups, [{ match: "bias", learningRateFactor: 0.1 }]);
  }
  const both = { ...config, schedule: { ...config.schedule, rate: 1 } };
  assert.throws(() => checkRecipe(both), /schedule\.rate: expected learningRate alone/);
  const values = (rule: Schedule) => [1, 2, 9].map(makeSchedule(rule));
  assert.equal(values({ kind: "linear", rate: 2, total: 10 }), values({ kind: "linear", learningRate: 2, total: 10 }));
});

test("metrics of earlier versions are read with the current name of the learning rate", () => {
  const file = join(folder, "metrics.jsonl");
  writeFileSync(file, `{"step":1,"loss":2,"rate":0.5}\n{"step":2,"loss":1,"learningRate":0.25}\n`);
  assert.equal(readMetrics(file).map((line) => line.learningRate), [0.5, 0.25]); // prettier-ignore
  assert.equal(measuresOf(readMetrics(file)), ["loss", "learningRate"]);
});

test("curves have a panel per measure and gaps where a value is missing", () => {
  const lines: MetricsLine[] = [
    { step: 1, loss: 3, learningRate: 0.1, skipped: false, samplesPerSecond: 5 },
    { step: 2, loss: null, learningRate: 0.2, skipped: true, "evaluation.R@1": 0.5 },
    { step: 3, loss: 1, learningRate: 0.2, skipped: false },
    { step: 4, loss: 2, learningRate: 0.2, skipped: false },
  ];
  assert.equal(measuresOf(lines), ["loss", "learningRate", "evaluation.R@1"]);
  const svg = plotSvg(lines);
  assert.is(svg.match(/<path /g)!.length, 3);
  assert.is(svg.match(/d="M[^"]*"/)![0].match(/M/g)!.length, 2);
  assert.match(svg, "loss, last 2");
  assert.not.match(svg, "NaN");
});

test("the loss of the validation set is drawn over the loss of the training", () => {
  const lines: MetricsLine[] = [1, 2, 3, 4].map((step) => ({
    step,
    loss: 4 / step,
    skipped: false,
    ...(step % 2 === 0 ? { "evaluation.loss": 9 - step, "evaluation.queries": 5, "evaluation.R@1": 0.5 } : {}),
  }));
  assert.equal(measuresOf(lines), ["loss", "evaluation.R@1"]);
  const svg = plotSvg(lines);
  assert.is(svg.match(/<path /g)!.length, 3);
  assert.match(svg, /evaluation\.loss, last 5/);
  assert.is(new Set(svg.match(/stroke="#[0-9a-f]{6}"/g)).size, 2);
  const single = plotSvg(lines.slice(0, 2));
  assert.is(single.match(/<circle /g)!.length, 2, "an evaluation of one step is a circle");
});

test.run();
