// X3D: sizes, published keys of both zoos, the shortcut's BatchNorm, the head at test crops, weight files.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { optimize } from "#lib/compile/passes/index.js";
import { compile } from "#lib/runtime/compile.js";
import { type Graph, input, parameter, trace } from "#lib/graph/trace.js";
import { describeModel, resolvePreset, VideoEncoder } from "#lib/index.js";
import { parametersOf } from "#lib/models/parameters.js";
import { roundWidth, X3D, x3dBlock, x3dFeatures, x3dHead, type X3DName } from "#lib/models/video/x3d.js";
import * as nn from "#lib/nn/layers.js";
import { hashParameter, hashValues } from "#lib/nn/random_weights.js";
import { floatValues } from "#lib/weights/float_values.js";
import { type StoredTensor, writeSafetensors } from "#lib/weights/index.js";
import { inspectWeights } from "#lib/weights/inspect.js";
import { recognise } from "#lib/weights/published.js";
import { slowfastToPytorchvideo } from "#lib/weights/slowfast.js";
import { stored } from "#lib/weights/tensor.js";
import { readFixture } from "../../scripts/fixtures/case.js";
import { EXTRA, layerNames, type Zoo } from "./x3d_zoos.js";
import { relativeL2 } from "../support/numbers.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("x3d");
const folder = temporaryFolder("x3d");

const average = { pytorchvideo: "logits", slowfast: "probabilities" } as const;

function graphOf(name: X3DName, zoo: Zoo, frames: number, size: number, overrides = {}): Graph {
  const options = { ...X3D[name], ...overrides };
  return trace(() => ({
    ...x3dHead(x3dFeatures(input("video", [1, frames, size, size, 3]), options), options, average[zoo]),
  }));
}

/** Keys and shapes of the files of a zoo; SlowFast's have one more BatchNorm. */
function shapesOf(zoo: Zoo, name: X3DName = "x3d-xs"): Map<string, readonly number[]> {
  const names = layerNames(zoo, [1, 2, 5, 3].map((blocks) => Math.ceil(X3D[name].depthFactor * blocks))); // prettier-ignore
  const shapes = new Map(
    [...parametersOf(graphOf(name, zoo, 4, 64))].map(([key, shape]) => {
      const dot = key.lastIndexOf(".");
      return [`${names.get(key.slice(0, dot))}${key.slice(dot)}`, shape] as const;
    }),
  );
  if (zoo === "slowfast")
    for (const part of ["weight", "bias", "running_mean", "running_var"]) shapes.set(`${EXTRA}.${part}`, [24]);
  return shapes;
}

const trainable = (shapes: Map<string, readonly number[]>) =>
  [...shapes]
    .filter(([key]) => !/running_(mean|var)$/.test(key))
    .reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b, 1), 0);
/** A state dict also has a `num_batches_tracked` for each BatchNorm. */
const entries = (shapes: Map<string, readonly number[]>) =>
  shapes.size + [...shapes.keys()].filter((key) => key.endsWith("running_var")).length;

test("parameters and multiply-adds equal the published numbers", () => {
  for (const [model, parameters, macs] of [
    ["x3d-xs", 3_794_274, 605],
    ["x3d-s", 3_794_274, 1963],
    ["x3d-m", 3_794_274, 4732],
    ["x3d-l", 6_153_384, 18_370],
  ] as const) {
    const description = describeModel({ model });
    assert.is(description.parameters, parameters, model);
    const digits = macs > 10_000 ? 10 : 1; // the publication has four digits
    assert.is(digits * Math.round(description.macs / 1e6 / digits), macs, model);
  }
});

test("keys and shapes equal those of PyTorchVideo's files; SlowFast's have one more BatchNorm", () => {
  const { state } = readFixture("test/fixtures/models/x3d_xs_4x182.safetensors").case;
  const wanted = Object.entries(state).filter(([key]) => !key.endsWith("num_batches_tracked"));
  assert.equal([...shapesOf("pytorchvideo")].sort(), wanted.sort());
  assert.is(entries(shapesOf("pytorchvideo")), 563);
  assert.is(entries(shapesOf("pytorchvideo", "x3d-l")), 1141);
  assert.is(entries(shapesOf("slowfast")), 568);
  assert.is(entries(shapesOf("slowfast", "x3d-l")), 1146);
  assert.is(trainable(shapesOf("slowfast")), 3_794_322);
  assert.is(trainable(shapesOf("slowfast", "x3d-l")), 6_153_432);
  const slowfast = [...shapesOf("slowfast").keys()];
  for (const key of [
    "s1.pathway0_stem.conv_xy.weight",
    "s1.pathway0_stem.conv.weight",
    "s2.pathway0_res0.branch1_bn.running_var",
    "s3.pathway0_res4.branch2.se.fc2.bias",
    "s5.pathway0_res6.branch2.c_bn.weight",
    "head.lin_5.weight",
    "head.projection.bias",
  ]) {
    assert.ok(slowfast.includes(key), key);
  }
  assert.not.ok(slowfast.some((key) => /res[135]\.branch2\.se/.test(key)));
});

test("widths are rounded as in the reference", () => {
  const widths = [12, 24, 48, 96].map((width) => roundWidth(width, 2.9));
  assert.equal(widths, [32, 72, 136, 280]);
  assert.equal([54, 108, 216, 432].map((width) => roundWidth(width, 0.0625)), [8, 8, 16, 32]); // prettier-ignore
});

/**
 * Weights of a zoo by key; a layer has the same values in both zoos, and SlowFast's extra BatchNorm is the identity.
 */
function weightsOf(name: X3DName, zoo: Zoo): Map<string, Float32Array> {
  const blocks = [1, 2, 5, 3].map((count) => Math.ceil(X3D[name].depthFactor * count));
  const common = new Map([...layerNames(zoo, blocks)].map(([ours, theirs]) => [theirs, ours]));
  return new Map(
    [...shapesOf(zoo, name)].map(([key, shape]) => {
      const [layer, part] = [key.slice(0, key.lastIndexOf(".")), key.slice(key.lastIndexOf(".") + 1)];
      if (layer === EXTRA) {
        const value = { weight: 1, running_var: 1 - 1e-5 }[part] ?? 0;
        return [key, new Float32Array(shape[0]).fill(value)];
      }
      const ours = `${common.get(layer)}.${part}`;
      return [key, hashParameter("x3d/", ours, shape, ours.endsWith("norm_c.weight") ? 0.25 : 1)];
    }),
  );
}

async function run(zoo: Zoo, size: number, frames = 4) {
  const device = createDevice({ device: "cpu" });
  try {
    const graph = graphOf("x3d-xs", zoo, frames, size);
    const weights = weightsOf("x3d-xs", "pytorchvideo");
    for (const [key, shape] of parametersOf(graph)) device.parameters.set(key, shape, weights.get(key)!);
    const program = compile(optimize(graph), device);
    return await program.run({ video: hashValues("x3d/", "video", frames * size * size * 3).map((v) => 2 * v) });
  } finally {
    device.dispose();
  }
}

test("SlowFast's BatchNorm after the first shortcut of stage 2 is folded into the neighbouring layers", () => {
  const shape = [1, 2, 9, 8, 24] as const;
  const bn = (x: Parameters<typeof nn.relu>[0], key: string, relu = false) => nn.batchNorm(x, key, { eps: 1e-5, relu });
  const key = "s2.pathway0_res0";
  // the block as SlowFast defines it, with its keys
  const theirs = trace(() => {
    const x = input("x", shape);
    const one = { kernel: [1, 1, 1] } as const;
    const a = bn(nn.conv3d(x, `${key}.branch2.a`, 54, one), `${key}.branch2.a_bn`, true);
    const spatial = { kernel: [3, 3, 3], stride: [1, 2, 2], low: [1, 1, 1], groups: 54 } as const;
    const b = bn(nn.conv3d(a, `${key}.branch2.b`, 54, spatial), `${key}.branch2.b_bn`);
    const weight = (name: string, n: number, m: number) =>
      nn.reshape(parameter(`${key}.branch2.se.${name}.weight`, [n, m, 1, 1, 1]), [n, m]);
    const se = (x: Parameters<typeof nn.relu>[0], name: string, n: number, m: number) =>
      nn.linearWith(x, weight(name, n, m), parameter(`${key}.branch2.se.${name}.bias`, [n]));
    const gate = nn.unary(se(nn.relu(se(nn.globalMean(b), "fc1", 8, 54)), "fc2", 54, 8), "sigmoid");
    const active = nn.unary(nn.scaleChannels(b, gate), "swish");
    const c = bn(nn.conv3d(active, `${key}.branch2.c`, 24, one), `${key}.branch2.c_bn`);
    const shortcut = bn(nn.conv3d(x, `${key}.branch1`, 24, { ...one, stride: [1, 2, 2] }), EXTRA);
    return { y: nn.relu(nn.binary(c, shortcut, "add")) };
  });
  const ours = trace(() => ({
    y: x3dBlock(input("x", shape), { key: "blocks.1.res_blocks.0", index: 0, width: 24, inner: 54 }),
  }));
  const file = new Map(
    [...parametersOf(theirs)].map(([name, size]) => [
      name,
      stored(size, () => hashParameter("extra/", name, size), "f32"),
    ]),
  );
  file.set(`${EXTRA}.num_batches_tracked`, { dtype: "I64", shape: [], read: () => new Uint8Array(8) });
  const renamed = slowfastToPytorchvideo(file);
  assert.equal([...renamed.keys()].sort(), [...parametersOf(ours).keys()].sort());
  const x = { shape, data: Float64Array.from(hashValues("extra/", "x", 2 * 9 * 8 * 24)) };
  const evaluate = (graph: Graph, tensors: ReadonlyMap<string, StoredTensor>) =>
    evaluate64(graph, { x }, (name, size) => ({
      shape: size,
      data: Float64Array.from(floatValues("F32", tensors.get(name)!.read())),
    })).y.data;
  const expected = evaluate(theirs, file);
  const error = relativeL2(evaluate(ours, renamed), expected);
  assert.ok(error < 1e-7, `${error}`);
  const without = new Map(renamed).set("blocks.1.res_blocks.0.branch1_conv.weight", file.get(`${key}.branch1.weight`)!);
  assert.ok(relativeL2(evaluate(ours, without), expected) > 1e-2, "the BatchNorm changes the result");
  file.delete(`${EXTRA}.running_mean`); // an incomplete BatchNorm is not folded, so that the check of keys reports it
  assert.ok(slowfastToPytorchvideo(file).has("blocks.1.res_blocks.0.branch1_norm.weight"));
});

const softmax = (x: Float32Array) => {
  const top = Math.max(...x);
  const e = x.map((v) => Math.exp(v - top));
  return e.map((v) => v / e.reduce((a, b) => a + b, 0));
};

test("probabilities at a test crop are the softmax of the mean logits, or the mean of the softmax over positions", async () => {
  const [ours, theirs] = [await run("pytorchvideo", 182), await run("slowfast", 182)];
  assert.equal(ours.logits, theirs.logits);
  assert.ok(relativeL2(softmax(ours.logits), ours.probabilities) < 1e-5);
  assert.ok(relativeL2(ours.probabilities, theirs.probabilities) > 1e-4, "four positions give different probabilities");
  assert.ok(Math.abs(theirs.probabilities.reduce((a, b) => a + b, 0) - 1) < 1e-5);
  const single = await run("slowfast", 160); // one position gives no difference
  assert.ok(relativeL2(softmax(single.logits), single.probabilities) < 1e-5);
});

test("a narrow network equals the float64 evaluation, also for crops below the window of the head", async () => {
  for (const [frames, size] of [
    [4, 64],
    [2, 33],
    [4, 97],
  ]) {
    const narrow = { widthFactor: 0.7, depthFactor: 0.6, trainCrop: 64, classes: 7 };
    const build = () => graphOf("x3d-xs", "slowfast", frames, size, narrow);
    const values = new Map<string, Float32Array>();
    for (const [key, shape] of parametersOf(build())) values.set(key, hashParameter("narrow/", key, shape));
    const video = hashValues("x3d/", "narrow", frames * size * size * 3);
    const exact = evaluate64(
      build(),
      { video: { shape: [1, frames, size, size, 3], data: Float64Array.from(video) } },
      (key, shape) => ({ shape, data: Float64Array.from(values.get(key)!) }),
    );
    const device = createDevice({ device: "cpu" });
    try {
      for (const [key, shape] of parametersOf(build())) device.parameters.set(key, shape, values.get(key)!);
      const got = await compile(optimize(build()), device).run({ video });
      for (const [name, { data }] of Object.entries(exact)) {
        const error = relativeL2(got[name], data);
        assert.ok(error < 1e-5, `${frames}x${size} ${name}: ${error}`);
      }
    } finally {
      device.dispose();
    }
  }
});

function write(name: X3DName, zoo: Zoo): string {
  const path = join(folder, `${name}-${zoo}.safetensors`);
  const shapes = shapesOf(zoo, name);
  const tensors = new Map<string, StoredTensor>();
  for (const [key, data] of weightsOf(name, zoo)) {
    tensors.set(
      key,
      stored(shapes.get(key)!, () => data, "f32"),
    );
    const counter = key.replace("running_var", "num_batches_tracked");
    if (counter !== key) tensors.set(counter, { dtype: "I64", shape: [], read: () => new Uint8Array(8) });
  }
  writeSafetensors(path, tensors);
  return path;
}

test("weight files of both zoos give the same features, and a file of another depth is refused", async () => {
  const preset = resolvePreset("x3d-xs", { size: 64 });
  const clips = Uint8Array.from(hashValues("x3d/", "clips", 4 * 64 * 64 * 3), (v) => (v + 1) * 127);
  const features: Float32Array[] = [];
  for (const zoo of ["pytorchvideo", "slowfast"] as const) {
    const weights = write("x3d-xs", zoo);
    assert.is((await inspectWeights(weights)).model, `x3d-xs or x3d-s or x3d-m (${zoo})`);
    const encoder = await VideoEncoder.load({ model: "x3d-xs", weights, preset, device: "cpu" });
    assert.is(encoder.output, "features");
    assert.is(encoder.dim, 2048);
    features.push((await encoder.encode(clips)).data);
    encoder.dispose();
    await refused(
      () => VideoEncoder.load({ model: "x3d-l", weights, preset, device: "cpu" }),
      /holds x3d-xs or x3d-s or x3d-m weights .*, not x3d-l/,
    );
  }
  assert.ok(relativeL2(features[0], features[1]) < 1e-5);
  const large = { tensors: new Map([...shapesOf("slowfast", "x3d-l").keys()].map((key) => [key, {} as StoredTensor])) };
  assert.equal(recognise(large)?.models, ["x3d-l"]);
  await refused(
    () => VideoEncoder.load({ model: "x3d-xs", output: "mixed_5c", randomWeights: 1, preset }),
    /output: expected one of features, conv_5, logits, probabilities for x3d-xs, received mixed_5c/,
  );
});

test.run();
