// Training of user-defined models: the loss falls, frozen parameters are unchanged, statistics move, batches, examples,
// checkpoints.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { accuracy, type Task, Trainer, type ModelTrainerOptions } from "#lib/train/index.js";
import { createDevice } from "#lib/index.js";
import * as nn from "#lib/nn/index.js";
import { CLIP, colours, losses, separable, values } from "./nets.js";
import { refused, rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("training a model");
const folder = temporaryFolder("nn-train");

const make = (seed = 1) => nn.Model.create(separable, { inputs: { video: CLIP }, seed, device: "cpu", threads: 2 });
const data = colours(48);
type Options = ModelTrainerOptions<"video", "logits" | "map", "video" | "label">;
const options = (model: nn.Model<"video", "logits" | "map">, change: Partial<Options> = {}): Options => ({
  model,
  data,
  loss: ({ logits }, { label }) => nn.losses.crossEntropy(logits, label),
  optimizer: { kind: "adamw" },
  schedule: { kind: "constant", rate: 0.01 },
  batch: 16,
  steps: 24,
  seed: 5,
  ...change,
});
const snapshot = (model: nn.Model) => new Map([...model.parameters].map(([key]) => [key, model.parameters.get(key)]));
const changed = (model: nn.Model, before: Map<string, Float32Array>) =>
  [...before].filter(([key, v]) => v.some((x, i) => x !== model.parameters.get(key)[i])).map(([key]) => key);

test("the loss falls, held-out clips are classified, and all parameters and running statistics change", async () => {
  const model = make();
  const before = snapshot(model);
  const curve = await losses(new Trainer(options(model, { steps: 40 })));
  assert.ok(curve.at(-1)! < 0.3 * curve[0], `${curve[0]} to ${curve.at(-1)}`);
  assert.equal(changed(model, before), model.parameters.keys());
  const held = colours(30, 1000);
  const video = new Float32Array(held.length * held[0].video.length);
  held.forEach((clip, i) => video.set(clip.video, i * clip.video.length));
  const { logits } = await model.run({ video });
  const right = accuracy(logits.data, held.map(({ label }) => label), 3); // prettier-ignore
  assert.ok(right > 0.9, `${right}`);
  model.dispose();
});

test("the same seeds give the same bits, and a trainer needs no schedule", async () => {
  const runs = [];
  for (let i = 0; i < 2; i++) {
    const model = make();
    runs.push([
      await losses(new Trainer(options(model, { steps: 5, schedule: undefined }))),
      model.parameters.get("head.weight"),
    ]);
    model.dispose();
  }
  assert.equal(runs[0], runs[1]);
});

test("examples give the same as their batches; a number is i32 if it is an integer in every example", async () => {
  const seen: Record<string, string> = {};
  const run = async (list: Iterable<Record<string, unknown>>) => {
    const model = make();
    const trainer = new Trainer({
      model,
      data: list as never,
      loss: ({ logits }, batch: Record<string, nn.Tensor>) => {
        for (const [name, x] of Object.entries(batch)) seen[name] = `${x.dtype} ${x.shape.join()}`;
        return nn.mean(logits);
      },
      ...{ optimizer: { kind: "sgd" as const }, steps: 1, batch: 2 },
    });
    await losses(trainer);
    model.dispose();
  };
  function* generated() {
    for (const [i, { video }] of data.slice(0, 4).entries()) {
      yield {
        video: { data: video, shape: CLIP },
        whole: i,
        part: i / 2,
        row: Float32Array.of(i, i),
        table: { data: new Uint8Array(6), shape: [2, 3] },
      };
    }
  }
  await run(generated());
  assert.equal(seen, { video: "f32 2,4,12,12,3", whole: "i32 2", part: "f32 2", row: "f32 2,2", table: "u8 2,2,3" });
  const wrong = async (list: unknown[]) => (await rejection(() => run(list as never))).message;
  assert.match(await wrong([{ label: 1 }, { label: 1 }]), /data\[0\]\.video: expected an input of the model/);
  assert.match(
    await wrong([data[0], { video: data[0].video }]),
    /data\[1\]: expected video, label, as the first example has/,
  );
  assert.match(
    await wrong([data[0], { ...data[1], video: new Float32Array(5) }]),
    /data\[1\]\.video: expected Float32Array f32/,
  );
  assert.match(await wrong([data[0], { ...data[1], label: "x" }]), /data\[1\]\.label/);
  assert.match(await wrong([data[0]]), /batch: expected at most the 1 examples of data, received 2/);
});

test("examples and batches made by the caller give the same training", async () => {
  const { shuffledBatches } = await import("#lib/train/index.js");
  const order = shuffledBatches(data.length, 16, 5);
  const own = {
    batch: (index: number) => {
      const chosen = order(index).map((i) => data[i]);
      const video = new Float32Array(16 * chosen[0].video.length);
      chosen.forEach((clip, i) => video.set(clip.video, i * clip.video.length));
      return { inputs: { video, label: Int32Array.from(chosen, ({ label }) => label) } };
    },
  };
  const [a, b] = [make(), make()];
  const first = await losses(new Trainer(options(a, { steps: 7 })));
  assert.equal(await losses(new Trainer(options(b, { steps: 7, data: own, batch: undefined }))), first);
  assert.equal(b.parameters.get("head.weight"), a.parameters.get("head.weight"));
  a.dispose();
  b.dispose();
});

test("a frozen part keeps its values and statistics, with keys and with nn.frozen", async () => {
  const net = (video: nn.Tensor) => {
    const { map } = nn.scope("encoder", () => separable(video));
    return { logits: nn.linear(nn.globalMean(map), "head", 3), map };
  };
  const inside = (video: nn.Tensor) => {
    const { map } = nn.frozen(() => nn.scope("encoder", () => separable(video)));
    return { logits: nn.linear(nn.globalMean(map), "head", 3), map };
  };
  const weights = [];
  for (const [body, freeze] of [
    [net, [/^encoder\./]],
    [inside, undefined],
  ] as const) {
    const model = nn.Model.create(body, { inputs: { video: CLIP }, seed: 2, device: "cpu" });
    const before = snapshot(model);
    const trainer = new Trainer(options(model, { steps: 10, freeze }));
    const curve = await losses(trainer);
    assert.equal(changed(model, before), ["head.weight", "head.bias"]);
    assert.equal(trainer.trained.map(({ key }) => key).sort(), ["head.bias", "head.weight"]);
    assert.ok(curve.at(-1)! < curve[0]);
    weights.push(model.parameters.get("head.weight"));
    model.dispose();
  }
  assert.equal(weights[0], weights[1]);
});

test("a loss uses a frozen encoder in inference mode", async () => {
  const model = make();
  await losses(new Trainer(options(model, { steps: 3 }))); // changes its running statistics
  const batch = colours(8, 500);
  const video = new Float32Array(8 * batch[0].video.length);
  batch.forEach((clip, i) => video.set(clip.video, i * clip.video.length));
  const inference = (await model.run({ video })).logits.data;
  let reported = 0;
  const trainer = new Trainer({
    model,
    data: { batch: () => ({ inputs: { video } }) },
    loss: ({ logits }) => ({
      loss: nn.mean(nn.mul(nn.parameter("factor", [1], { init: 1 }), nn.mean(logits))),
      all: nn.mean(logits),
    }),
    optimizer: { kind: "sgd" },
    freeze: [/^block/, /^head/],
    steps: 1,
  });
  for await (const { measures } of trainer.run()) reported = measures.all;
  const mean = inference.reduce((a, b) => a + b, 0) / inference.length;
  assert.ok(Math.abs(reported - mean) < 1e-5 * Math.max(1, Math.abs(mean)), `${reported} and ${mean}`);
  model.dispose();
});

test("gradients pass through a frozen part to the layers before it", async () => {
  const net = (x: nn.Tensor) => {
    const first = nn.linear(x, "first", 4);
    return { y: nn.frozen(() => nn.batchNorm(nn.linear(first, "middle", 4), "norm")) };
  };
  const model = nn.Model.create(net, { inputs: { x: [3] }, device: "cpu" });
  const before = snapshot(model);
  const trainer = new Trainer({
    model,
    data: { batch: (index: number) => ({ inputs: { x: values(`x${index}`, 8, 3) } }) },
    loss: ({ y }) => nn.mean(nn.mul(y, y)),
    optimizer: { kind: "adam" },
    steps: 3,
  });
  await losses(trainer);
  assert.equal(changed(model, before), ["first.weight", "first.bias"]);
  model.dispose();
});

test("parameters of the loss are created, trained and kept in checkpoints", async () => {
  const path = join(folder, "temperature");
  const run = async (steps: number, resume = false) => {
    const model = make();
    const loss: Options["loss"] = ({ logits }, { label }) =>
      nn.losses.crossEntropy(nn.mul(logits, nn.exp(nn.parameter("temperature", [1], { init: 0.5 }))), label);
    const curve = await losses(new Trainer(options(model, { loss, steps, folder: path, resume, saveEvery: 4 })));
    const result = { curve, temperature: model.device.parameters.get("temperature")[0] };
    model.dispose();
    return result;
  };
  const first = await run(4);
  assert.ok(first.temperature !== 0.5 && Math.abs(first.temperature - 0.5) < 0.1);
  const second = await run(6, true);
  assert.is(second.curve.length, 2);
  const model = make();
  const whole = await losses(
    new Trainer(
      options(model, {
        steps: 6,
        loss: ({ logits }, { label }) =>
          nn.losses.crossEntropy(nn.mul(logits, nn.exp(nn.parameter("temperature", [1], { init: 0.5 }))), label),
      }),
    ),
  );
  assert.equal(second.curve, whole.slice(4));
  const checkpoint = join(path, "checkpoints", "step-00000006");
  const loading = { inputs: { video: CLIP }, device: "cpu" } as const;
  assert.match(
    (await rejection(() => nn.Model.load(separable, checkpoint, loading))).message,
    /1 unexpected: temperature/,
  );
  const loaded = await nn.Model.load(separable, checkpoint, { ...loading, ignore: /^temperature$/ });
  assert.equal(loaded.parameters.get("head.weight"), model.parameters.get("head.weight"));
  assert.match(
    (await rejection(() => nn.Model.load(separable, checkpoint))).message,
    /inputs: expected a shape for each input/,
  );
  model.dispose();
  loaded.dispose();
});

test("accumulation, recomputation and dropout work together, and a task may apply the model itself", async () => {
  const net = (tokens: nn.Tensor) => {
    const x = [0, 1].reduce(
      (y, i) => nn.scope(`block.${i}`, () => nn.transformerLayer(y, "layer", { heads: 2 })),
      tokens,
    );
    return { y: nn.linear(nn.dropout(nn.mean(x, 1), 0.25), "out", 1) };
  };
  const create = () => nn.Model.create(net, { inputs: { tokens: [5, 8] }, device: "cpu", seed: 4 });
  const batches = {
    batch: (index: number) => ({
      inputs: { tokens: values(`t${index}`, 6, 5, 8), target: { data: values(`y${index}`, 6, 1), shape: [6, 1] } },
    }),
  };
  const curves = [];
  for (const checkpointing of [false, true]) {
    const model = create();
    const trainer = new Trainer({
      model,
      data: batches,
      loss: ({ y }, { target }) => nn.losses.meanSquaredError(y, target),
      optimizer: { kind: "adam", maxNorm: 1 },
      ...{ steps: 4, accumulate: 2, dropout: 0.1, checkpointing, seed: 9 },
    });
    curves.push([await losses(trainer), model.parameters.get("block.1.layer.linear1.weight")]);
    model.dispose();
  }
  assert.equal(curves[0], curves[1]);
  const model = create();
  const task: Task<"tokens" | "target"> = {
    forward: ({ tokens, target }) => ({ loss: nn.losses.meanSquaredError(model.forward({ tokens }).y, target) }),
  };
  const shaped = {
    batch: (index: number) => ({
      examples: 6,
      inputs: {
        tokens: { data: values(`t${index}`, 6, 5, 8), shape: [6, 5, 8] },
        target: { data: values(`y${index}`, 6, 1), shape: [6, 1] },
      },
    }),
  };
  const { device } = model;
  const trainer = new Trainer({ device, task, data: shaped, optimizer: { kind: "adam", maxNorm: 1 }, steps: 4, accumulate: 2, dropout: 0.1, seed: 9 }); // prettier-ignore
  assert.equal(await losses(trainer), curves[0][0]);
  model.dispose();
});

test("a layer whose output is unused has no parameters, in inference and in training", async () => {
  const net = (x: nn.Tensor) => {
    const hidden = nn.batchNorm(nn.linear(x, "first", 4), "norm");
    nn.batchNorm(nn.linear(hidden, "unread", 4), "unread_norm");
    return { y: nn.linear(hidden, "second", 1), side: nn.batchNorm(hidden, "side_norm") };
  };
  const model = nn.Model.create(net, { inputs: { x: [3] }, device: "cpu" });
  assert.not(model.parameters.keys().some((key) => key.startsWith("unread")));
  const before = snapshot(model);
  const data = { batch: (index: number) => ({ inputs: { x: values(`x${index}`, 8, 3) } }) };
  const loss = ({ y }: { y: nn.Tensor }) => nn.mean(nn.mul(y, y));
  const path = join(folder, "side");
  await losses(new Trainer({ model, data, loss, optimizer: { kind: "sgd" }, steps: 2, folder: path }));
  // an output beside the loss updates its statistics, as in PyTorch
  const moved = changed(model, before);
  assert.ok(moved.includes("side_norm.running_mean") && !moved.includes("side_norm.weight"), moved.join());
  // a checkpoint holds the entire model
  const loaded = await nn.Model.load(net, join(path, "checkpoints", "step-00000002"), { inputs: { x: [3] } });
  assert.equal(snapshot(loaded), snapshot(model));
  loaded.dispose();
  model.dispose();
});

test("batchNorm with the same key twice in a step is refused with advice", async () => {
  const net = (x: nn.Tensor) => ({ y: nn.add(nn.batchNorm(x, "bn"), nn.batchNorm(nn.mul(x, 2), "bn")) });
  const model = nn.Model.create(net, { inputs: { x: [3] }, device: "cpu" });
  const trainer = new Trainer({
    model,
    data: { batch: () => ({ inputs: { x: values("x", 4, 3) } }) },
    loss: ({ y }) => nn.mean(y),
    optimizer: { kind: "sgd" },
    steps: 1,
  });
  await refused(losses(trainer), /batchNorm bn: .*twice/);
  model.dispose();
});

/** Incorrect options of a trainer and their error messages. */
const WRONG: [string, Record<string, unknown>, RegExp][] = [
  ["no steps", { steps: undefined }, /steps: expected a positive integer, received undefined/],
  ["no data", { data: undefined }, /data: expected examples, or an object whose batch/],
  ["no optimizer", { optimizer: undefined }, /optimizer\.kind: expected adam, adamw or sgd, received undefined/],
  ["another optimizer", { optimizer: { kind: "adamv" } }, /did you mean adam\?/],
  ["the rate in the optimizer", { optimizer: { kind: "adam", lr: 1e-3 } }, /optimizer\.lr: expected the learning rate as schedule\.learningRate/],
  ["an unknown field", { optimizer: { kind: "sgd", momentun: 0.9 } }, /optimizer\.momentun: unknown option; did you mean momentum\?/],
  ["an unknown field of a group", { optimizer: { kind: "sgd", groups: [{ match: /x/, freeze: true }] } }, /groups\[0\]\.freeze: unknown option/],
  ["a schedule", { schedule: { kind: "cosin", rate: 1 } }, /schedule\.kind: .*did you mean cosine\?/],
  ["no rate", { schedule: { kind: "cosine" } }, /schedule\.learningRate: expected 0 or more, received undefined/],
  ["a warm-up beyond the end", { schedule: { kind: "linear", rate: 1, warmup: 30 } }, /schedule\.warmup: expected less than the 24 steps of the run, or a total beyond it, received 30/],
  ["an unknown option", { optimiser: { kind: "sgd" } }, /Trainer\.optimiser: unknown option; did you mean optimizer\?/],
  ["no model", { model: {} }, /model: expected a Model/],
  ["no loss", { loss: undefined }, /loss: expected a function/],
  ["a frozen parameter that does not exist", { freeze: [/^encodr/] }, /freeze\[0\]: expected a regular expression that some parameter matches/],
  ["evaluation", { evaluation: { every: 1.5, run: () => ({}) } }, /evaluation\.every: expected a positive integer, received 1\.5/],
  ["best", { evaluation: { every: 1, run: () => ({}), best: { metric: "a", mode: "maximum" } } }, /evaluation\.best\.mode: expected max or min/],
  ["dropout", { dropout: 1 }, /dropout: expected a probability/],
  ["chunk", { chunk: 4 }, /Trainer\.chunk: unknown option/],
  ["a batch beside data that makes batches", { data: { batch: () => ({ inputs: {} }) } }, /batch: expected nothing beside data/],
]; // prettier-ignore

test("missing and incorrect options are refused immediately", async () => {
  const model = make();
  for (const [what, change, expected] of WRONG) {
    const { message, code } = await rejection(() => new Trainer({ ...options(model), ...change } as never));
    assert.match(message, expected, `${what}: ${message}`);
    assert.is(code, "ERR_INVALID_ARGUMENT", what);
  }
  const device = createDevice({ device: "cpu" });
  const task = (change: object) =>
    rejection(() => new Trainer({ ...options(model), model: undefined, ...change } as never));
  assert.match(
    (await rejection(() => new Trainer({ device, steps: 1 } as never))).message,
    /task: expected an object whose forward/,
  );
  assert.match((await rejection(() => new Trainer({ steps: 1 } as never))).message, /device: expected a Device/);
  assert.match((await task({})).message, /model: expected a Model/);
  assert.match((await rejection(() => new Trainer(undefined as never))).message, /Trainer: expected an object/);
  device.dispose();
  model.dispose();
});

/** Losses and batches that are incorrect when the first step is traced. */
const BATCH = { video: colours(1)[0].video, label: Int32Array.of(1) };
const STEPS: [string, Record<string, unknown>, RegExp][] = [
  ["a loss of every row", { loss: ({ logits }: { logits: nn.Tensor }) => logits }, /loss: expected one f32 value, \[1\] or \[\], such as the mean over the batch, received f32 \[16, 3\]/],
  ["no tensor", { loss: () => 3 }, /loss: expected a tensor, or an object with loss/],
  ["an unknown output", { loss: ({ logit }: { logit: nn.Tensor }) => logit }, /loss: output logit does not exist; did you mean logits\?/],
  ["an unknown array", { loss: (_: object, { labels }: { labels: nn.Tensor }) => labels }, /loss: .*labels.*did you mean label\?/],
  ["nothing to train", { freeze: [/./] }, /there is nothing to train: every parameter that it depends on is frozen/],
  ["no input", { data: { batch: () => ({ inputs: { label: BATCH.label } }) }, batch: undefined }, /batch\.inputs\.video: expected Float32Array/],
  ["an input of another size", { data: { batch: () => ({ inputs: { ...BATCH, video: new Float32Array(7) } }) }, batch: undefined }, /batch\.inputs\.video: expected Float32Array f32 \[N, 4, 12, 12, 3\], received a Float32Array of 7/],
  ["a target that is not an array", { data: { batch: () => ({ inputs: { ...BATCH, label: 3 } }) }, batch: undefined }, /batch\.inputs\.label: expected a Float32Array, Uint8Array or Int32Array, received 3/],
  ["no batch", { data: { batch: () => undefined }, batch: undefined }, /batch: expected an object with inputs/],
]; // prettier-ignore

test("the error for a loss or batch that does not fit states the requirement", async () => {
  const model = make();
  for (const [what, change, expected] of STEPS) {
    const error = await rejection(() => losses(new Trainer({ ...options(model, { steps: 1 }), ...change } as never)));
    assert.match(error.message, expected, `${what}: ${error.message}`);
  }
  const device = createDevice({ device: "cpu" });
  const task: Task = { forward: ({ video }) => ({ loss: nn.mean(separable(video).logits) }) };
  const shaped = { batch: () => ({ examples: 1, inputs: { video: { data: BATCH.video, shape: [1, ...CLIP] } } }) };
  const { message, code } = await rejection(() =>
    losses(new Trainer({ device, task, data: shaped, optimizer: { kind: "sgd" }, steps: 1 })),
  );
  assert.is(code, "ERR_WEIGHTS");
  assert.match(
    message,
    /parameter block\.0\.space\.weight of layer block\.0\.space is missing: .*initializeParameters/,
  );
  device.dispose();
  model.dispose();
});

test.run();
