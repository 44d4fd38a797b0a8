// A model from one function: inference for any batch, the reference's values, saving, loading, and sharing a device.
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/index.js";
import { openWeights } from "#lib/weights/index.js";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { traceNet } from "#lib/models/own/model_net.js";
import * as nn from "#lib/nn/index.js";
import { writeSafetensors } from "#lib/weights/index.js";
import { stored } from "#lib/weights/tensor.js";
import { bytesOf, relativeL2 } from "../support/numbers.js";
import { CLIP, separable, unsettle, values } from "./nets.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("model");
const folder = temporaryFolder("nn");
const { Model } = nn;
const options = { inputs: { video: CLIP }, seed: 3, device: "cpu" } as const;
const bits = (data: Float32Array) => bytesOf(data).toString("hex");

test("the outputs equal the float64 references", async () => {
  const model = Model.create(separable, options);
  unsettle(model);
  const video = values("video", 3, ...CLIP);
  const got = await model.run({ video });
  const types = new Map(Object.entries(model.inputs));
  const expected = evaluate64(
    traceNet(separable, types, 3),
    { video: { shape: [3, ...CLIP], data: Float64Array.from(video) } },
    (key, shape) => ({ shape, data: Float64Array.from(model.parameters.get(key)) }),
  );
  for (const name of ["logits", "map"] as const) {
    assert.equal(got[name].shape, [...expected[name].shape]);
    const error = relativeL2(got[name].data, expected[name].data);
    assert.ok(error < 1e-5, `${name}: relative L2 ${error}`);
  }
  model.dispose();
});

test("a row has the same bits in every batch, however the batch is divided", async () => {
  const model = Model.create(separable, { ...options, batch: 4 });
  unsettle(model);
  const N = 11;
  const video = values("rows", N, ...CLIP);
  const size = video.length / N;
  const all = (await model.run({ video })).logits;
  assert.equal(all.shape, [N, 3]);
  for (const [first, count] of [
    [0, 1],
    [4, 1],
    [10, 1],
    [2, 3],
    [5, 6],
  ]) {
    const data = video.subarray(first * size, (first + count) * size);
    const part = await model.run({ video: { data, shape: [count, ...CLIP] } });
    assert.is(bits(part.logits.data), bits(all.data.slice(first * 3, (first + count) * 3)), `${first}, ${count}`);
  }
  const large = Model.create(separable, { ...options, batch: 64 });
  unsettle(large);
  assert.is(bits((await large.run({ video })).logits.data), bits(all.data));
  assert.equal((await model.run({ video: new Float32Array(0) })).logits, { data: new Float32Array(0), shape: [0, 3] });
  model.dispose();
  large.dispose();
});

test("a saved model loads with the same bits", async () => {
  const model = Model.create(separable, options);
  unsettle(model);
  const video = values("saved", 5, ...CLIP);
  const before = await model.run({ video });
  const path = join(folder, "own");
  await model.save(path);
  assert.equal(readdirSync(path), ["model.safetensors"]);
  const loaded = await Model.load(separable, path, { device: "cpu" });
  assert.equal(loaded.inputs, { video: { shape: [...CLIP], dtype: "f32" } });
  const after = await loaded.run({ video });
  assert.is(bits(after.logits.data), bits(before.logits.data));
  assert.is(bits(after.map.data), bits(before.map.data));
  for (const [key] of model.parameters) assert.equal(loaded.parameters.get(key), model.parameters.get(key));
  await model.save(join(folder, "half"), { dtype: "f16" });
  const half = await Model.load(separable, join(folder, "half"));
  assert.ok(relativeL2((await half.run({ video })).logits.data, before.logits.data) < 3e-3);
  [model, loaded, half].forEach((each) => each.dispose());
});

test("the error for a net that does not fit the file explains the difference", async () => {
  const model = Model.create(separable, options);
  const path = join(folder, "other");
  await model.save(path);
  const { message, code } = await rejection(() =>
    Model.load((video) => ({ y: nn.linear(nn.globalMean(video), "head", 3) }), path),
  );
  assert.is(code, "ERR_WEIGHTS");
  assert.match(message, /1 of the wrong shape: head\.weight \(expected \[3, 3\], found \[3, 16\]\)/);
  assert.match(message, /unexpected: block\.0/);
  assert.match(
    (await rejection(() => Model.load(separable, join(folder, "nowhere")))).message,
    /there is no such file/,
  );
  const inputs = { video: [4, 12, 12, 1] };
  assert.match(
    (await rejection(() => Model.load(separable, path, { inputs }))).message,
    /expected those that the model was saved/,
  );
  writeFileSync(join(folder, "empty.safetensors"), "");
  assert.is((await rejection(() => Model.load(separable, join(folder, "empty.safetensors")))).code, "ERR_WEIGHTS");
  model.dispose();
});

test("initial values follow from the seed and from the initialisers of the net", async () => {
  const net = (x: nn.Tensor) => {
    const own = nn.parameter("scale", [3], { init: 2 });
    const places = nn.parameter("places", [4, 3], { init: (shape) => new Float32Array(shape[0] * shape[1]).fill(0.5) });
    const y = nn.linear(nn.add(nn.mul(x, own), places), "head", 2, { init: { normal: 1e-3 } });
    return { y: nn.linear(y, "out", 2, { init: { uniform: 0.25 }, bias: false }) };
  };
  const make = (seed: number) => Model.create(net, { inputs: { x: [4, 3] }, seed });
  const [a, b, c] = [make(1), make(1), make(2)];
  assert.equal([...a.parameters.get("scale")], [2, 2, 2]);
  assert.ok(a.parameters.get("places").every((v) => v === 0.5));
  const head = a.parameters.get("head.weight");
  assert.ok(head.every((v) => v !== 0 && Math.abs(v) < 6e-3));
  assert.ok(a.parameters.get("out.weight").every((v) => Math.abs(v) <= 0.25));
  assert.equal(b.parameters.get("head.weight"), head);
  assert.not.equal(c.parameters.get("head.weight"), head);
  assert.equal([...a.parameters.get("head.bias")], [0, 0]);
  assert.is(a.parameters.count, 3 + 12 + 6 + 2 + 4);
  const misfit = (x: nn.Tensor) => ({ y: nn.add(x, nn.parameter("b", [3], { init: new Float32Array(2) })) });
  assert.match(
    (await rejection(() => Model.create(misfit, { inputs: { x: [3] } }))).message,
    /parameter b: init: expected .* 3 values/,
  );
  [a, b, c].forEach((each) => each.dispose());
});

test("parameters can be read and set by key", async () => {
  const model = Model.create((x: nn.Tensor) => ({ y: nn.linear(x, "head", 1) }), { inputs: { x: [2] } });
  model.parameters.set("head.weight", [3, 5]);
  model.parameters.set("head.bias", [1]);
  assert.equal([...(await model.run({ x: Float32Array.of(1, 10) })).y.data], [54]);
  model.parameters.set("head.bias", [2]); // an existing program uses the new value
  assert.equal([...(await model.run({ x: Float32Array.of(1, 10) })).y.data], [55]);
  assert.equal([...model.parameters], [["head.weight", [1, 2]], ["head.bias", [1]]]); // prettier-ignore
  assert.match((await rejection(() => model.parameters.get("head.wieght"))).message, /did you mean head\.weight\?/);
  assert.match(
    (await rejection(() => model.parameters.set("head.bias", [1, 2]))).message,
    /expected 1 values \[1\], received 2/,
  );
  model.dispose();
});

test("inputs of several kinds are in the order of the net's arguments; arrays of other realms are accepted", async () => {
  const net = (frames: nn.Tensor, ids: nn.Tensor, scale: nn.Tensor) => ({
    y: nn.mul(nn.add(nn.globalMean(nn.preprocess(frames)), nn.embedding(ids, "words", 5, 3)), scale),
  });
  const model = Model.create(net, {
    inputs: { frames: [1, 2, 2, 3], ids: [], scale: [1] },
    dtypes: { frames: "u8", ids: "i32" },
  });
  const table = model.parameters.get("words.weight");
  const frames = new Uint8ClampedArray(2 * 12).fill(51);
  const { y } = await model.run({ frames, ids: Int32Array.of(4, 0), scale: Float32Array.of(1, 2) });
  const expected = [...table.slice(12), ...table.slice(0, 3)].map((v, i) => (v + 0.2) * (i < 3 ? 1 : 2));
  assert.ok(relativeL2(y.data, expected) < 1e-6);
  const { runInNewContext } = await import("node:vm");
  const foreign = runInNewContext("({ ids: Int32Array.of(4, 0), scale: Float32Array.of(1, 2) })");
  assert.equal((await model.run({ frames, ...foreign })).y.data, y.data);
  model.dispose();
});

test("two models on one device have separate parameters, and disposing one does not affect the other", async () => {
  const device = createDevice({ device: "cpu" });
  const video = values("shared", 2, ...CLIP);
  const [a, b] = [1, 2].map((seed) => Model.create(separable, { ...options, seed, device }));
  const [first, second] = [await a.run({ video }), await b.run({ video })];
  assert.not.equal(first.logits.data, second.logits.data);
  a.dispose();
  a.dispose();
  assert.equal((await b.run({ video })).logits.data, second.logits.data);
  assert.is((await rejection(() => a.run({ video }))).code, "ERR_DISPOSED");
  b.dispose();
  assert.not(device.disposed);
  device.dispose();
});

test("an output can be an input, a view, a parameter's value or equal to another output", async () => {
  const net = (x: nn.Tensor) => {
    const y = nn.relu(x);
    return { x, y, again: y, flat: nn.reshape(y, [x.shape[0], 2, 2]) };
  };
  const model = Model.create(net, { inputs: { x: [4] } });
  const x = Float32Array.of(-1, 2, -3, 4, 5, -6, 7, -8);
  const got = await model.run({ x });
  const positive = x.map((v) => Math.max(0, v));
  assert.equal(got.x.data, x);
  for (const name of ["y", "again", "flat"] as const) assert.equal(got[name].data, positive);
  assert.equal(got.flat.shape, [2, 2, 2]);
  model.dispose();
});

test("describe lists layers by key, shapes, parameters and multiply-adds", () => {
  const model = Model.create(separable, options);
  const { layers, parameters, macs } = model.describe();
  const conv = layers.find(({ name }) => name === "block.1.space")!;
  assert.equal(conv, {
    name: "block.1.space",
    op: "conv3d",
    output: [1, 4, 3, 3, 16],
    parameters: 16 * 8 * 9,
    macs: 4 * 9 * 16 * 8 * 9,
  });
  const statistics = 2 * 2 * (8 + 16);
  assert.is(parameters, model.parameters.count - statistics);
  assert.ok(macs > conv.macs);
  model.dispose();
});

test("an aborted signal rejects with its reason", async () => {
  const model = Model.create(separable, options);
  const video = values("aborted", 2, ...CLIP);
  const signal = AbortSignal.abort(new Error("enough"));
  assert.is((await rejection(() => model.run({ video }, { signal }))).message, "enough");
  model.dispose();
});

test("a state dict of PyTorch loads, without the batch counters of its BatchNorms", async () => {
  const model = Model.create(separable, options);
  const store = model.device.parameters;
  const own = [...model.parameters].map(([key, shape]) => [key, stored(shape, () => store.get(key), "f32")] as const);
  const more = (key: string) => [key, stored([1], () => new Float32Array(1), "f32")] as const;
  const counters = [more("block.0.space_norm.num_batches_tracked"), more("num_batches_tracked")];
  const path = join(folder, "state_dict.safetensors");
  writeSafetensors(path, new Map([...own, ...counters]));
  const loading = { inputs: { video: CLIP }, device: "cpu" } as const;
  const loaded = await Model.load(separable, path, loading);
  assert.equal(loaded.parameters.get("head.weight"), model.parameters.get("head.weight"));
  writeSafetensors(path, new Map([...own, ...counters, more("Extra.a")]));
  assert.match((await rejection(() => Model.load(separable, path, loading))).message, /1 unexpected: Extra\.a/);
  const again = await Model.load(separable, path, { ...loading, ignore: /^extra\./gi });
  assert.equal(again.parameters.get("head.weight"), model.parameters.get("head.weight"));
  [model, loaded, again].forEach((each) => each.dispose());
});

test("other programs can read the file: it has PyTorch's keys and shapes", async () => {
  const model = Model.create(separable, options);
  await model.save(join(folder, "plain"));
  const file = await openWeights(join(folder, "plain", "model.safetensors"));
  assert.equal(file.tensors.get("block.0.space.weight")!.shape, [8, 3, 1, 3, 3]);
  assert.ok(file.tensors.has("block.1.time_norm.running_var"));
  assert.is(file.metadata.format, "pt");
  file.close();
  model.dispose();
});

test.run();
