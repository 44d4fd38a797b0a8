// The model of a run is that of its best evaluation, checkpoints are models too, and a refused run changes nothing.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "#lib/base/random.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { describeRecipe, readMetrics, type RecipePlan, runRecipe, type StepEvent, type TrainConfig } from "#lib/train/index.js"; // prettier-ignore
import { npyBytes } from "#lib/weights/npy.js";
import { refused, rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { CONFIG, WIDTH } from "./small_pack.js";

const test = suite("best model");
const folder = temporaryFolder("best-model");

const lines = Array.from({ length: 8 }, (_, i) => {
  const random = new Random(5, 0, i);
  const values = Float32Array.from({ length: 5 * WIDTH }, () => random.normal());
  writeFileSync(join(folder, `${i}.npy`), npyBytes(values, [5, WIDTH], "f32"));
  return JSON.stringify({ features: `${i}.npy`, text: [3 + i, 12 + i] });
});
writeFileSync(join(folder, "pairs.jsonl"), lines.join("\n"));

const config: TrainConfig = {
  task: "contrastive",
  out: "run",
  device: "cpu",
  threads: 1,
  model: { config: { ...CONFIG } },
  data: { train: "pairs.jsonl", validation: "pairs.jsonl" },
  optimizer: { kind: "adam" },
  schedule: { kind: "constant", learningRate: 0.003 },
  steps: 8,
  batch: 4,
  evaluateEvery: 2,
  saveEvery: 3,
  metric: "loss",
};

async function train(set: Record<string, unknown>, resume = false) {
  const events: StepEvent[] = [];
  let plan: RecipePlan | undefined;
  const onStart = (given: RecipePlan) => void (plan = given);
  for await (const event of runRecipe(config, { folder, set, resume, onStart })) events.push(event);
  return { events, plan: plan! };
}
const at = (...names: string[]) => join(folder, ...names);
/** SHA-256 of the weights in a folder. */
const weights = (...names: string[]) =>
  createHash("sha256").update(readFileSync(at(...names, "model.safetensors"))).digest("hex"); // prettier-ignore

/** The validation loss of a folder with a model, of its embeddings in float64. */
async function lossOf(path: string): Promise<number> {
  const model = await VideoClip.load(path, { device: "cpu", threads: 1 });
  try {
    const pairs = lines.map((line) => JSON.parse(line) as { features: string; text: number[] });
    const video = await model.encodeVideo(pairs.map(({ features }) => at(features)));
    const text = await model.encodeText(pairs.map(({ text: ids }) => ids));
    const D = model.config.hiddenSize;
    const score = (i: number, j: number) => {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += video.data[i * D + d] * text.data[j * D + d];
      return sum;
    };
    const logSum = (values: number[]) => Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0));
    let loss = 0;
    for (let i = 0; i < 8; i++) {
      const group = [0, 1, 2, 3].map((k) => k + 4 * Math.floor(i / 4)); // pairs of a batch, in order
      loss += logSum(group.map((j) => score(i, j))) + logSum(group.map((j) => score(j, i))) - 2 * score(i, i);
    }
    return loss / 8;
  } finally {
    model.dispose();
  }
}

test("the validation loss is that of batches in order, and is in the log", async () => {
  const { events } = await train({ out: "log" });
  assert.ok(events.every(({ evaluation, step }) => (evaluation !== undefined) === (step % 2 === 0)));
  const { evaluation } = events[7];
  const expected = await lossOf(at("log", "checkpoints", "step-00000008"));
  assert.ok(Math.abs(evaluation!.loss - expected) < 1e-5 * expected, `${evaluation!.loss}, expected ${expected}`);
  const logged = readMetrics(at("log", "metrics.jsonl")).map((line) => line["evaluation.loss"]);
  assert.equal(logged[7], evaluation!.loss);
  assert.is(logged[6], undefined);
});

test("a bad learning rate after a resume leaves the best model in its place", async () => {
  const good = await train({ out: "best" });
  assert.ok(good.events[7].best!.step === 8, "this run gets better to its end");
  assert.equal(weights("best", "model"), weights("best", "checkpoints", "step-00000008"));
  const before = weights("best", "model");
  const set = { out: "best", steps: 12, "schedule.learningRate": 1, keep: 1 };
  const bad = await train(set, true);
  assert.ok(bad.events[3].evaluation!.loss > 1.05 * good.events[7].evaluation!.loss);
  assert.equal(weights("best", "model"), before);
  assert.equal(readdirSync(at("best", "checkpoints")).sort(), ["step-00000008", "step-00000012"]);
  assert.not.equal(weights("best", "checkpoints", "step-00000012"), before);
  const found = await lossOf(at("best", "model"));
  assert.ok(Math.abs(found - good.events[7].evaluation!.loss) < 1e-5 * found);
  assert.is(bad.plan.start, 8);
  assert.is(bad.plan.best!.step, 8);
});

test("the model is there from the first evaluation on, and a lost one comes back with a resume", async () => {
  for await (const { step } of runRecipe(config, { folder, set: { out: "early" } })) {
    assert.is(existsSync(at("early", "model", "model.safetensors")), step >= 2);
    if (step === 5) break;
  }
  const model = weights("early", "model");
  assert.equal(model, weights("early", "checkpoints", "step-00000004"));
  rmSync(at("early", "model"), { recursive: true });
  const restored: string[] = [];
  const onStart = () => void restored.push(weights("early", "model"));
  for await (const _ of runRecipe(config, { folder, set: { out: "early" }, resume: true, onStart })) break;
  assert.equal(restored, [model]);
});

test("every checkpoint loads as a model, and shares its large files", async () => {
  for (const kind of ["videoclip", "clip"]) {
    const out = `loads-${kind}`;
    await train({ out, loss: { kind } });
    for (const name of readdirSync(at(out, "checkpoints"))) {
      const model = await VideoClip.load(at(out, "checkpoints", name), { device: "cpu", threads: 1 });
      assert.ok((await model.encodeText([[3, 4]])).data.every(Number.isFinite));
      model.dispose();
    }
    const ino = (...names: string[]) => statSync(at(out, ...names, "model.safetensors")).ino;
    assert.is(ino("model"), ino("checkpoints", "step-00000008"));
    assert.equal(readdirSync(at(out, "model")).sort(), ["config.json", "model.safetensors"]);
  }
});

test("without an evaluation the model is that of the last step, with the same bits", async () => {
  const evaluated = await train({ out: "evaluated", evaluateEvery: 1 });
  const { events } = await train({ out: "last", metric: undefined, "data.validation": undefined });
  assert.equal(events.map(({ loss }) => loss), evaluated.events.map(({ loss }) => loss)); // prettier-ignore
  assert.is(weights("last", "model"), weights("evaluated", "checkpoints", "step-00000008"));
  assert.equal(weights("last", "model"), weights("last", "checkpoints", "step-00000008"));
});

test("a run that is refused leaves the file of the other run as it was", async () => {
  await train({ out: "other", steps: 2 });
  const before = readFileSync(at("other", "config.json"), "utf8");
  assert.match((await rejection(train({ out: "other", batch: 2 }))).message, /holds a run at step 2: continue it with resume \(--resume/); // prettier-ignore
  await refused(train({ out: "other", batch: 2, seed: 4 }, true), /seed: expected 0/);
  assert.is(readFileSync(at("other", "config.json"), "utf8"), before);
});

test("patience and metric are keys of a run with a validation set", async () => {
  const set = { out: "patient", "schedule.learningRate": 1, patience: 1, evaluateEvery: 1, steps: 30 };
  const { events } = await train(set);
  assert.ok(events.length < 30 && events.at(-1)!.stopped);
  const plan = await describeRecipe(config, { folder, set, resume: true });
  assert.equal([plan.start, plan.finished], [events.length, true]);
  const without = { out: "x", "data.validation": undefined };
  await refused(train({ ...without, metric: undefined, patience: 2 }), /patience: expected it beside data.validation/);
  await refused(train(without), /metric: expected it beside data.validation/);
});

test.run();
