// videoclip train --config: what is refused and how it is said.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "../../dist/errors.js";
import { checkTrainConfig, readTrainConfig } from "../../dist/train/recipes/read.js";
import type { MetricsLine } from "../../dist/train/metrics.js";
import { measuresOf, plotSvg } from "../../dist/train/plot.js";

const test = suite("train config");
const folder = mkdtempSync(join(tmpdir(), "videoclip-config-"));
test.after(() => rmSync(folder, { recursive: true }));

const config = {
  task: "contrastive",
  out: "run",
  model: { config: { hiddenSize: 32 } },
  data: { train: "pairs.jsonl" },
  optimizer: { kind: "adam", beta2: 0.98, maxNorm: 2 },
  schedule: { kind: "polynomial", rate: 5e-5, warmup: 1000, total: 1000000 },
  steps: 10,
  batch: 4,
};

const refused = (value: unknown, pattern: RegExp) =>
  assert.throws(
    () => checkTrainConfig(value),
    (error: unknown) => {
      assert.instance(error, InvalidArgumentError);
      assert.match((error as Error).message, pattern);
      return true;
    },
  );

test("a configuration is taken as it is", () => {
  assert.equal(checkTrainConfig(config), config);
});

test("an unknown key is an error, with the one that was meant", () => {
  refused({ ...config, stpes: 5 }, /stpes: unknown key; did you mean steps\?/);
  refused(
    { ...config, optimizer: { kind: "adam", weigthDecay: 1 } },
    /optimizer\.weigthDecay: unknown key; did you mean weightDecay\?/,
  );
  refused(
    { ...config, schedule: { kind: "linear", rate: 1, total: 5, power: 2 } },
    /schedule\.power: unknown key, expected one of kind, rate, warmup, total/,
  );
  refused(
    { ...config, optimizer: { kind: "sgd", groups: [{ match: "a", frosen: true }] } },
    /optimizer\.groups\.0\.frosen: unknown key; did you mean frozen\?/,
  );
  refused({ ...config, data: { train: "x", lenght: 5 } }, /data\.lenght: unknown key/);
});

test("wrong values name the key and what was expected", () => {
  refused({ ...config, steps: 0 }, /steps: .*>0/);
  refused({ ...config, task: "dance" }, /task: /);
  refused({ ...config, batch: "8" }, /batch: expected number, received string/);
  refused({ ...config, schedule: { kind: "linear", rate: 1 } }, /schedule\.total: expected number/);
  refused([], /expected object/);
});

test("--set changes keys; values are JSON or strings", () => {
  const file = join(folder, "run.json");
  writeFileSync(file, JSON.stringify(config));
  const changed = readTrainConfig(file, ["steps=20", "schedule.rate=1e-3", "out=other", "model.tokenizer=vocab.txt"]);
  assert.is(changed.steps, 20);
  assert.is(changed.out, "other");
  assert.equal(changed.schedule, { ...config.schedule, rate: 1e-3 });
  assert.equal(changed.model, { ...config.model, tokenizer: "vocab.txt" });
  assert.throws(() => readTrainConfig(file, ["steps"]), /--set: expected key=value/);
  assert.throws(() => readTrainConfig(file, ["steps.x=1"]), /--set steps.x=1: steps is no object/);
  assert.throws(() => readTrainConfig(file, ["stesp=1"]), /did you mean steps/);
  assert.throws(() => readTrainConfig(file, ["__proto__.x=1"]), /no object/);
  writeFileSync(file, "{");
  assert.throws(() => readTrainConfig(file), /expected a JSON file/);
});

test("curves have a panel per measure and gaps where a value is missing", () => {
  const lines: MetricsLine[] = [
    { step: 1, loss: 3, rate: 0.1, skipped: false, samplesPerSecond: 5 },
    { step: 2, loss: null, rate: 0.2, skipped: true, "evaluation.R@1": 0.5 },
    { step: 3, loss: 1, rate: 0.2, skipped: false },
    { step: 4, loss: 2, rate: 0.2, skipped: false },
  ];
  assert.equal(measuresOf(lines), ["loss", "rate", "evaluation.R@1"]);
  const svg = plotSvg(lines);
  assert.is(svg.match(/<path /g)!.length, 3);
  assert.is(svg.match(/d="M[^"]*"/)![0].match(/M/g)!.length, 2);
  assert.match(svg, "loss, last 2");
  assert.not.match(svg, "NaN");
});

test.run();
