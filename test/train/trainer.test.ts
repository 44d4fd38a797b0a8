import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice, deviceReport, type DeviceOptions } from "#lib/runtime/device.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { Random } from "#lib/base/random.js";
import { readMetrics } from "#lib/train/metrics.js";
import type { Batch, TrainingData } from "#lib/train/task.js";
import { contrastiveBatch, contrastiveTask, type VideoTextPair } from "#lib/train/tasks/contrastive.js";
import { type StepEvent, Trainer } from "#lib/train/trainer.js";
import type { TrainerOptions } from "#lib/train/trainer_options.js";
import { data, initialise, options } from "./small_run.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("trainer");
const KEYS = ["first.weight", "first.bias", "second.weight", "second.bias"];

async function train(change: Partial<TrainerOptions> = {}, deviceOptions: DeviceOptions = {}) {
  const device = createDevice({ device: "cpu", threads: 2, ...deviceOptions });
  initialise(device);
  const trainer = new Trainer(options(device, change));
  const events: StepEvent[] = [];
  try {
    for await (const event of trainer.run()) events.push(event);
    const weights = KEYS.map((key) => device.parameters.get(key));
    return { events, weights, statistic: device.parameters.get("statistic")[0] };
  } finally {
    trainer.dispose();
    device.dispose();
  }
}

const bits = (weights: Float32Array[]) => Buffer.concat(weights.map((w) => Buffer.from(w.buffer))).toString("hex");
const curve = (events: { step: number; loss: unknown; gradientNorm: unknown }[]) =>
  events.map(({ step, loss, gradientNorm }) => [step, loss, gradientNorm]);
const last = (events: StepEvent[], count: number) =>
  events.slice(-count).reduce((sum, { loss }) => sum + loss, 0) / count;

const runFolder = () => join(temporaryFolder("train"), "run");

test("the loss falls, and events report each step", async () => {
  const { events, statistic } = await train({ steps: 200 });
  assert.ok(last(events, 10) < 0.25 * events[0].loss, `${events[0].loss} to ${last(events, 10)}`);
  assert.equal(
    events.map(({ step }) => step),
    Array.from({ length: 200 }, (_, i) => i + 1),
  );
  assert.is(statistic, 200);
  assert.ok(events.every((e) => e.samplesPerSecond > 0 && e.gradientNorm > 0 && !e.skipped));
  assert.ok(events.every((e) => e.measures.twice === 2 * e.loss));
  assert.is(events[0].learningRate, 0.02 / 5);
});

test("the number of threads does not change the result", async () => {
  const runs = [];
  for (const threads of [1, 2, 5]) runs.push(await train({}, { threads }));
  for (const run of runs) {
    assert.equal(curve(run.events), curve(runs[0].events));
    assert.is(bits(run.weights), bits(runs[0].weights));
  }
});

test("accumulated gradients of several batches equal those of one large batch", async () => {
  const whole = await train({ data: data(32), steps: 6 });
  const parts = await train({ data: data(8), accumulate: 4, steps: 6 });
  whole.events.forEach((event, i) => {
    const other = parts.events[i];
    assert.ok(Math.abs(event.loss - other.loss) < 1e-5, `${event.loss} and ${other.loss}`);
    assert.ok(Math.abs(event.gradientNorm - other.gradientNorm) < 1e-5 * event.gradientNorm);
  });
  whole.weights.forEach((w, i) => w.forEach((v, j) => assert.ok(Math.abs(v - parts.weights[i][j]) < 1e-4)));
  const two = await train({ data: data(16), accumulate: 2, steps: 1 });
  assert.ok(Math.abs(two.events[0].gradientNorm - whole.events[0].gradientNorm) < 1e-5);
});

test("the emulated GPU gives the same result", async () => {
  const cpu = await train({ steps: 4 });
  const gpu = await train({ steps: 4 }, { device: "cuda-emulated" });
  cpu.events.forEach(({ loss }, i) => assert.ok(Math.abs(loss - gpu.events[i].loss) < 1e-5));
  assert.is(gpu.statistic, 4);
});

test("16-bit activations with f32 parameters are close to f32; a loss scale that overflows is halved", async () => {
  const f32 = await train({ steps: 8 }, { device: "cuda-emulated" });
  for (const precision of ["bf16", "f16"] as const) {
    const { events } = await train({ steps: 8 }, { device: "cuda-emulated", precision });
    events.forEach(({ loss, gradientNorm, skipped }, i) => {
      assert.not(skipped);
      assert.ok(Math.abs(loss - f32.events[i].loss) < 0.02, `${precision}: ${loss}, f32 ${f32.events[i].loss}`);
      assert.ok(Math.abs(gradientNorm / f32.events[i].gradientNorm - 1) < 0.02);
    });
  }
  // errors of 100: their gradients times 32768 overflow f16, and after a few halvings they do not
  const far: TrainingData = {
    batch: (index) => {
      const batch = data(32).batch(index) as Batch;
      batch.inputs.y.data.fill(100);
      return batch;
    },
  };
  const { events } = await train({ steps: 16, data: far }, { device: "cuda-emulated", precision: "f16" });
  assert.ok(events[0].skipped);
  assert.not(events.at(-1)!.skipped);
});

test("bf16 products of a CPU are close to f32, with equal bits for any number of threads", async () => {
  const { bf16 } = deviceReport();
  if (!bf16.usable) {
    process.stdout.write(`SKIP: ${bf16.reason}\n`);
    return;
  }
  const f32 = await train({ steps: 8 });
  const [one, two] = [
    await train({ steps: 8 }, { precision: "bf16", threads: 1 }),
    await train({ steps: 8 }, { precision: "bf16" }),
  ];
  assert.is(bits(one.weights), bits(two.weights));
  assert.is.not(bits(one.weights), bits(f32.weights));
  one.events.forEach(({ loss, gradientNorm }, i) => {
    assert.ok(Math.abs(loss - f32.events[i].loss) < 0.02, `${loss}, f32 ${f32.events[i].loss}`);
    assert.ok(Math.abs(gradientNorm / f32.events[i].gradientNorm - 1) < 0.02);
  });
});

test("a VideoClip with dropout is trained to the same bits by any number of threads", async () => {
  const sizes = { featureSize: 16, hiddenSize: 32, heads: 4, intermediateSize: 64, videoLayers: 2, textLayers: 2 };
  const places = { vocabularySize: 43, maxPositions: 32, maxVideoLength: 10, maxTextLength: 14 };
  const pair = (index: number): VideoTextPair => {
    const random = new Random(1, 1, index);
    const text = Array.from({ length: random.integer(2, 9) }, () => random.integer(3, 42));
    return { video: { data: Float32Array.from({ length: 160 }, () => random.normal()), shape: [10, 16] }, text };
  };
  const runs = [];
  for (const threads of [1, 2, 5]) {
    const config = { ...sizes, ...places, clsId: 1, sepId: 2 };
    const model = await VideoClip.initialize({ config, device: "cpu", threads, seed: 2 });
    const trainer = new Trainer({
      device: model.device,
      task: contrastiveTask(model.config),
      data: {
        batch: (index) =>
          contrastiveBatch(
            Array.from({ length: 12 }, (_, i) => pair(12 * index + i)),
            model.config,
          ),
      },
      optimizer: { kind: "adam" },
      schedule: { kind: "constant", learningRate: 1e-3 },
      steps: 4,
      dropout: 0.1,
    });
    const losses: number[] = [];
    for await (const { loss } of trainer.run()) losses.push(loss);
    runs.push({ losses, weights: bits(trainer.trained.map(({ key }) => model.device.parameters.get(key))) });
    model.dispose();
  }
  for (const run of runs) assert.equal(run, runs[0]);
});

test("a step with a NaN changes nothing and is counted", async () => {
  const { events, statistic } = await train({ data: data(32, [2, 3]), steps: 6 });
  assert.equal(
    events.map(({ skipped }) => skipped),
    [false, false, true, true, false, false],
  );
  assert.is(statistic, 4);
  assert.is(events[4].learningRate, (0.02 * 3) / 5);
  assert.ok(events.slice(4).every(({ loss }) => Number.isFinite(loss)));
  const error = await rejection(train({ data: data(32, [2, 3, 4]), steps: 9, maxSkipped: 3 }));
  assert.is(error.code, "ERR_TRAINING_DIVERGED");
});

test("frozen parameters are unchanged and cost nothing", async () => {
  const device = createDevice({ device: "cpu", threads: 1 });
  initialise(device);
  const before = device.parameters.get("first.weight");
  const optimizer = { kind: "adam" as const, groups: [{ match: "^first", frozen: true }] };
  const trainer = new Trainer(options(device, { optimizer, steps: 2 }));
  for await (const event of trainer.run()) assert.ok(event.gradientNorm > 0);
  assert.is(bits([device.parameters.get("first.weight")]), bits([before]));
  assert.equal(trainer.trained.map(({ key }) => key).sort(), ["second.bias", "second.weight"]);
  device.dispose();
});

test("an aborted run is saved, and resumes to the same bits", async () => {
  const whole = await train({ steps: 9 });
  const folder = runFolder();
  const device = createDevice({ device: "cpu", threads: 1 });
  initialise(device);
  const abort = new AbortController();
  const trainer = new Trainer(options(device, { steps: 9, folder }));
  const error = await rejection(
    (async () => {
      for await (const { step } of trainer.run({ signal: abort.signal }))
        if (step === 4) abort.abort(new Error("enough"));
    })(),
  );
  assert.is(error.message, "enough");
  device.dispose();
  const refused = await rejection(train({ steps: 9, folder }));
  assert.is(refused.code, "ERR_RUN_EXISTS");
  const { events, weights, statistic } = await train({ steps: 9, folder, resume: true });
  assert.equal(curve(events), curve(whole.events.slice(4)));
  assert.is(bits(weights), bits(whole.weights));
  assert.is(statistic, 9);
  const lines = readMetrics(join(folder, "metrics.jsonl"));
  assert.equal(curve(lines as never), curve(whole.events));
  const other = await rejection(train({ steps: 12, folder, resume: true, seed: 5 }));
  assert.match(other.message, "seed: expected 0");
});

test("the next batch is prepared while a step runs; one that needs the model waits", async () => {
  const device = createDevice({ device: "cpu", threads: 1 });
  initialise(device);
  const log: string[] = [];
  const source = data(8);
  const trainer = new Trainer(
    options(device, {
      steps: 3,
      accumulate: 2,
      data: {
        batch: (index) => (log.push(`batch ${index}`), source.batch(index)),
        needsModel: (index) => index === 4,
      },
    }),
  );
  for await (const { step } of trainer.run()) log.push(`step ${step}`);
  const expected = "batch 0, batch 1, batch 2, step 1, batch 3, step 2, batch 4, batch 5, step 3";
  assert.is(log.join(", "), expected);
  trainer.dispose();
  device.dispose();
});

test("an error while preparing a batch rejects the step of that batch, and later batches are abandoned", async () => {
  const device = createDevice({ device: "cpu", threads: 1 });
  initialise(device);
  const source = data(8);
  const broken: TrainingData = {
    batch(index) {
      if (index === 2) throw new Error("no batch 2");
      return source.batch(index);
    },
  };
  const done: number[] = [];
  const failing = new Trainer(options(device, { data: broken }));
  const error = await rejection(
    (async () => {
      for await (const { step } of failing.run()) done.push(step);
    })(),
  );
  assert.is(error.message, "no batch 2");
  assert.equal(done, [1, 2]);
  const signals: (AbortSignal | undefined)[] = [];
  const watched: TrainingData = {
    batch: (index, given) => (signals.push(given?.signal), source.batch(index)),
  };
  for await (const _ of new Trainer(options(device, { data: watched })).run()) break;
  assert.is(signals.length, 2);
  assert.ok(signals[1]!.aborted);
  failing.dispose();
  device.dispose();
});

test("the last checkpoints and the best one are kept", async () => {
  const folder = runFolder();
  const scores = [0.1, 0.7, 0.3, 0.2, 0.6, 0.4];
  let at = 0;
  const { events } = await train({
    steps: 6,
    folder,
    saveEvery: 1,
    keep: 2,
    evaluation: {
      every: 1,
      run: async () => ({ recall: scores[at++] }),
      best: { metric: "recall", mode: "max" },
    },
  });
  assert.equal(events[1].evaluation, { recall: 0.7 });
  assert.equal(readdirSync(join(folder, "checkpoints")).sort(), ["step-00000002", "step-00000005", "step-00000006"]);
  const state = JSON.parse(readFileSync(join(folder, "checkpoints", "step-00000006", "state.json"), "utf8"));
  assert.equal(state.best, { step: 2, metric: "recall", value: 0.7 });
});

/** Runs the child until it has printed `lines` more lines, then kills it; true if the run ended before. */
function runUntil(folder: string, threads: number, lines: number): Promise<boolean> {
  const child = spawn(process.execPath, ["--import", "tsx", "test/train/kill_child.ts", folder, String(threads)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let seen = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    seen += chunk.toString().split("\n").length - 1;
    if (seen >= lines) child.kill("SIGKILL");
  });
  return new Promise((resolve) => child.on("exit", (code) => resolve(code === 0)));
}

test("a run that is killed at any moment resumes to the same bits", async () => {
  const [undisturbed, killed] = [runFolder(), runFolder()];
  assert.ok(await runUntil(undisturbed, 2, 1000));
  // within a step, just after a checkpoint, and while one is written
  for (const [i, lines] of [3, 9, 4, 17, 8].entries()) assert.not(await runUntil(killed, 1 + (i % 2), lines));
  assert.ok(await runUntil(killed, 1, 1000));
  const file = (folder: string, name: string) => readFileSync(join(folder, "checkpoints", "step-00000060", name));
  for (const name of ["model.safetensors", "optimizer.safetensors", "state.json"]) {
    assert.ok(file(undisturbed, name).equals(file(killed, name)), name);
  }
  const lines = (folder: string) => curve(readMetrics(join(folder, "metrics.jsonl")) as never);
  assert.equal(lines(killed), lines(undisturbed));
  assert.is(lines(killed).length, 60);
  assert.not(existsSync(join(killed, "checkpoints", "step-00000004")));
});

test.run();
