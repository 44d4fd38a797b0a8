// Recipes from JavaScript: runRecipe trains a run file, stops safely and resumes to the same bits; describeRecipe only
// reads.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { Random } from "#lib/base/random.js";
import {
  describeRecipe,
  readMetrics,
  type RecipeFiles,
  type RecipePlan,
  runRecipe,
  type RunRecipeOptions,
  type StepEvent,
  type TrainConfig,
} from "#lib/train/index.js";
import { npyBytes } from "#lib/weights/npy.js";
import { CONFIG, WIDTH } from "./small_pack.js";
import { refused, rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("run recipe");
const folder = temporaryFolder("run-recipe");

const PAIRS = 6;
const lines = Array.from({ length: PAIRS }, (_, i) => {
  const random = new Random(4, 0, i);
  const values = Float32Array.from({ length: 5 * WIDTH }, () => random.normal());
  writeFileSync(join(folder, `${i}.npy`), npyBytes(values, [5, WIDTH], "f32"));
  return JSON.stringify({ features: `${i}.npy`, text: [3 + i, 4 + i] });
});
writeFileSync(join(folder, "pairs.jsonl"), lines.join("\n"));

const config: TrainConfig = {
  task: "contrastive",
  out: "run",
  device: "cpu",
  threads: 1,
  model: { config: { ...CONFIG } },
  data: { train: "pairs.jsonl", validation: "pairs.jsonl" },
  optimizer: { kind: "adamw" },
  schedule: { kind: "linear", learningRate: 0.01 },
  steps: 4,
  batch: 3,
  dropout: 0.1,
};

/** The steps of a run; leaves the iteration after `leave` steps. */
async function train(set: Record<string, unknown>, options: RunRecipeOptions = {}, leave = Infinity) {
  const events: StepEvent[] = [];
  for await (const event of runRecipe(config, { folder, set, ...options })) {
    events.push(event);
    if (events.length === leave) break;
  }
  return events;
}
const losses = (events: readonly StepEvent[]) => events.map(({ loss }) => loss);
const checkpoints = (out: string) => readdirSync(join(folder, out, "checkpoints"));

test("a run from an object has its plan, steps and files, and the schedule ends with it", async () => {
  const started: [RecipePlan, RecipeFiles][] = [];
  const events = await train({ out: "whole" }, { onStart: (...given) => started.push(given) });
  assert.equal(
    events.map(({ step }) => step),
    [1, 2, 3, 4],
  );
  const rates = [0.0075, 0.005, 0.0025, 0];
  events.forEach(({ learningRate }, i) => assert.ok(Math.abs(learningRate - rates[i]) < 1e-9, `${learningRate}`));
  assert.ok(events[3].evaluation!["R@1"] >= 0);
  assert.is(started.length, 1);
  const [plan, files] = started[0];
  assert.equal(plan, await describeRecipe(config, { folder }));
  assert.equal([plan.examples, plan.examplesPerUpdate, plan.steps, plan.epochs], [PAIRS, 3, 4, 2]);
  const whole = join(folder, "whole");
  assert.equal(files, { folder: whole, model: join(whole, "model"), checkpoints: join(whole, "checkpoints") });
  assert.is(readMetrics(join(files.folder, "metrics.jsonl")).length, 4);
  assert.equal(JSON.parse(readFileSync(join(files.folder, "config.json"), "utf8")), { ...config, out: "whole" });
  const model = await VideoClip.load(files.model, { device: "cpu", threads: 1 });
  assert.ok((await model.embedText([[3, 4]])).rows.every(Number.isFinite));
  model.dispose();
});

test("describeRecipe writes nothing, and neither does a run that is not started or inconsistent", async () => {
  await describeRecipe(config, { folder, set: { out: "nothing" } });
  runRecipe(config, { folder, set: { out: "nothing" } });
  for (const [set, pattern] of [
    [{ batch: 100 }, /batch: expected at most the 6 pairs of data.train, received 100/],
    [{ "schedule.warmup": 4 }, /schedule.warmup: expected less than the 4 steps of the run/],
    [{ stesp: 4 }, /config: stesp: unknown key; did you mean steps/],
  ] as const) {
    await refused(train({ out: "nothing", ...set }), pattern);
  }
  assert.not(existsSync(join(folder, "nothing")));
});

test("a run that is aborted, or abandoned by its caller, keeps its steps and resumes to the same bits", async () => {
  const whole = losses(await train({ out: "all" }));
  const abort = new AbortController();
  const reason = new Error("enough");
  const events: StepEvent[] = [];
  try {
    for await (const event of runRecipe(config, { folder, set: { out: "aborted" }, signal: abort.signal })) {
      if (events.push(event) === 2) abort.abort(reason);
    }
    assert.unreachable();
  } catch (error) {
    assert.is(error, reason);
  }
  assert.equal(checkpoints("aborted"), ["step-00000002"]);
  assert.not(existsSync(join(folder, "aborted", "model")));
  assert.equal([...losses(events), ...losses(await train({ out: "aborted" }, { resume: true }))], whole);

  const left = await train({ out: "left" }, {}, 3);
  assert.equal(checkpoints("left"), ["step-00000003"]);
  assert.equal([...losses(left), ...losses(await train({ out: "left" }, { resume: true }))], whole);

  const before = await train({ out: "early" }, { signal: AbortSignal.abort(reason) }).catch((error: unknown) => error);
  assert.is(before, reason);
  assert.not(existsSync(join(folder, "early", "config.json")));
});

test("a folder that contains a run is refused without resume", async () => {
  assert.is((await rejection(train({ out: "whole" }))).code, "ERR_RUN_EXISTS");
});

test("a device of the caller is shared and stays open", async () => {
  const device = createDevice({ device: "cpu", threads: 1 });
  assert.equal(losses(await train({ out: "shared", device: "cuda" }, { device })), losses(await train({ out: "own" })));
  assert.not(device.disposed);
  device.dispose();
});

test("a run file accepts changes as on the command line", async () => {
  const file = join(folder, "file.json");
  writeFileSync(file, JSON.stringify({ $schema: "./train.schema.json", ...config, out: "from-file" }));
  const events: StepEvent[] = [];
  for await (const event of runRecipe(file, { set: ["steps=2", "optimizer.weightDecay=0.1"] })) events.push(event);
  assert.is(events.length, 2);
  const written = JSON.parse(readFileSync(join(folder, "from-file", "config.json"), "utf8")) as TrainConfig;
  assert.equal(written.optimizer, { kind: "adamw", weightDecay: 0.1 });
});

test.run();
