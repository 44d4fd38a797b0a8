// Published encoders are layers below a head that the caller defines.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { resolvePreset, TextModel, VideoEncoder } from "#lib/index.js";
import { Trainer } from "#lib/train/index.js";
import * as nn from "#lib/nn/index.js";
import { hashParameter } from "#lib/nn/random_weights.js";
import { writeSafetensors } from "#lib/weights/index.js";
import { stored } from "#lib/weights/tensor.js";
import { relativeL2 } from "../support/numbers.js";
import { losses, values } from "./nets.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("encoders as layers");
const folder = temporaryFolder("nn-encoders");

const SIZE = 48;
const FRAMES = 4;
const clip = [FRAMES, SIZE, SIZE, 3] as const;
const head = (model: nn.VideoModelName) => (video: nn.Tensor) => {
  const features = nn.videoEncoder(video, "encoder", { model });
  return { features, logits: nn.linear(features, "head", 2) };
};
const frames = (n: number) => Uint8Array.from(values("frames", n, ...clip), (v) => 128 + 120 * v);

/** Writes a file with the parameters below `prefix` of a model, under their published keys. */
function publish(name: string, model: nn.Model, prefix: string, more: string[] = []): string {
  const own = [...model.parameters].filter(([key]) => key.startsWith(prefix));
  const tensors = own.map(([key, shape]) => {
    const published = key.slice(prefix.length);
    return [published, stored(shape, () => hashParameter("file/", published, shape), "f32")] as const;
  });
  const others = more.map((key) => [key, stored([1], () => new Float32Array(1), "f32")] as const);
  const path = join(folder, name);
  writeSafetensors(path, new Map([...tensors, ...others]));
  return path;
}

test("u8 frames give the same bits as the encoder alone, and f32 clips the same as normalised frames", async () => {
  for (const [model, output] of [
    ["x3d-s", "features"],
    ["s3d-tiny", "features"],
  ] as const) {
    const preset = { ...resolvePreset(model === "s3d-tiny" ? "shapes" : model, { frames: FRAMES, size: SIZE }) };
    const encoder = VideoEncoder.random(7, { model, output, preset, device: "cpu" });
    const own = await nn.Model.fromPretrained(head(model), {
      inputs: { video: clip },
      dtypes: { video: "u8" },
      pretrained: { encoder: { randomWeights: 7 } },
      device: "cpu",
    });
    const video = frames(2);
    const { data: expected } = await encoder.encode(video);
    assert.equal((await own.run({ video })).features.data, expected, model);
    const normalised = await nn.Model.fromPretrained(head(model), {
      inputs: { video: clip },
      pretrained: { encoder: { randomWeights: 7 } },
      device: "cpu",
    });
    const floats = Float32Array.from(video, (v, i) => (v / 255 - preset.mean[i % 3]) / preset.std[i % 3]);
    assert.ok(relativeL2((await normalised.run({ video: floats })).features.data, expected) < 1e-5);
    [encoder, own, normalised].forEach((each) => each.dispose());
  }
});

test("published keys are below the layer's key; a file of weights loads into them, without the file's heads", async () => {
  const inputs = { video: clip };
  const model = nn.Model.create(head("x3d-s"), { inputs, device: "cpu" });
  assert.ok(model.parameters.has("encoder.blocks.0.conv.conv_t.weight"));
  assert.not(model.parameters.has("encoder.blocks.5.proj.weight"), "features do not need this weight");
  const file = publish("X3D_S.safetensors", model, "encoder.", ["blocks.5.proj.weight", "blocks.5.proj.bias"]);
  const loaded = await nn.Model.fromPretrained(head("x3d-s"), {
    inputs,
    pretrained: { encoder: file },
    device: "cpu",
    seed: 3,
  });
  const key = "blocks.1.res_blocks.0.branch2.conv_b.weight";
  const shape = loaded.parameters.shape(`encoder.${key}`);
  assert.equal(loaded.parameters.get(`encoder.${key}`), hashParameter("file/", key, shape));
  const same = nn.Model.create(head("x3d-s"), { inputs, device: "cpu", seed: 3 });
  assert.equal(loaded.parameters.get("head.weight"), same.parameters.get("head.weight"));
  await loaded.save(join(folder, "own"));
  const again = await nn.Model.load(head("x3d-s"), join(folder, "own"), { device: "cpu" });
  const video = values("video", 1, ...clip);
  assert.equal((await again.run({ video })).logits, (await loaded.run({ video })).logits);

  const fail = (pretrained: Record<string, nn.PretrainedWeights>, net = head("x3d-s")) =>
    rejection(() => nn.Model.fromPretrained(net, { inputs, pretrained })).then(({ message }) => message);
  assert.match(
    await fail({ encodr: file }),
    /pretrained\.encodr: the net has no encoder of this key; did you mean encoder\?/,
  );
  assert.match(
    await fail({ encoder: file }, head("s3d-tiny")),
    /holds x3d-xs or x3d-s or x3d-m weights .*, not s3d-tiny/,
  );
  assert.match(await fail({ encoder: join(folder, "none.pyth") }), /none\.pyth/);
  assert.match(
    await fail({ a: file }, ((x: nn.Tensor) => ({ y: nn.globalMean(x) })) as never),
    /the net has no encoder of this key; it has none/,
  );
  assert.match(await fail(undefined as never), /pretrained: expected weights by the key of an encoder/);
  [model, loaded, same, again].forEach((each) => each.dispose());
});

test("an X3D below a head trains, entirely or frozen; when frozen it keeps its weights and statistics", async () => {
  const data = Array.from({ length: 6 }, (_, i) => {
    const video = values(`x3d ${i}`, 2, 32, 32, 3);
    for (let p = i % 2; p < video.length; p += 3) video[p] += 1;
    return { video, label: i % 2 };
  });
  for (const freeze of [undefined, [/^encoder\./]]) {
    const model = nn.Model.create(head("x3d-s"), { inputs: { video: [2, 32, 32, 3] }, device: "cpu" });
    const statistic = "encoder.blocks.2.res_blocks.1.branch2.norm_a.running_mean";
    const weight = "encoder.blocks.0.conv.conv_t.weight";
    const before = [statistic, weight].map((key) => model.parameters.get(key));
    const trainer = new Trainer({
      model,
      data,
      loss: ({ logits }, { label }) => nn.losses.crossEntropy(logits, label),
      optimizer: { kind: "adamw", maxNorm: 1 },
      schedule: { kind: "constant", rate: 3e-5 },
      batch: 6,
      steps: 4,
      freeze,
    });
    const curve = await losses(trainer);
    assert.ok(curve.at(-1)! < curve[0], `${curve}`);
    const kept = [statistic, weight].map((key, i) => model.parameters.get(key).every((v, j) => v === before[i][j]));
    assert.equal(kept, freeze ? [true, true] : [false, false]);
    model.dispose();
  }
});

test("BERT as a layer equals the BERT of a text model, loaded from its folder", async () => {
  const fields = { model_type: "bert", vocab_size: 23, hidden_size: 8, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 16, max_position_embeddings: 16 }; // prettier-ignore
  const net = (ids: nn.Tensor, mask: nn.Tensor) => {
    const hidden = nn.textEncoder(ids, "text", { config: fields, mask });
    return { hidden, score: nn.linear(nn.mean(hidden, 1), "head", 1) };
  };
  const options = { inputs: { ids: [16], mask: [16] }, dtypes: { ids: "i32", mask: "u8" } } as const;
  const empty = nn.Model.create(net, options);
  assert.ok(empty.parameters.has("text.bert.encoder.layer.1.output.dense.weight"));
  writeFileSync(join(folder, "config.json"), JSON.stringify(fields));
  const words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ...Array.from({ length: 19 }, (_, i) => `w${i}`)];
  writeFileSync(join(folder, "vocab.txt"), `${words.join("\n")}\n`);
  publish("model.safetensors", empty, "text.", []);
  const text = await TextModel.load(folder, { device: "cpu" });
  const { data: expected } = await text.encode(["w3 w7"]);
  const model = await nn.Model.fromPretrained(net, { ...options, pretrained: { text: folder } });
  const ids = new Int32Array(16);
  ids.set([2, 7, 11, 3]);
  const mask = Uint8Array.from(ids, (id) => (id === 0 ? 0 : 1));
  const { hidden } = await model.run({ ids, mask });
  const mean = Array.from({ length: 8 }, (_, c) =>
    [0, 1, 2, 3].reduce((sum, t) => sum + hidden.data[t * 8 + c] / 4, 0),
  );
  assert.ok(relativeL2(mean, expected) < 1e-6);
  // tokens behind the mask do not change those before it
  ids.set([9, 9], 4);
  assert.equal((await model.run({ ids, mask })).hidden.data.slice(0, 32), hidden.data.slice(0, 32));
  text.dispose();
  model.dispose();
  empty.dispose();
});

test("frames are normalised by numbers or by a preset", async () => {
  const run = async (options: nn.PreprocessOptions | undefined) => {
    const model = nn.Model.create((x: nn.Tensor) => ({ y: nn.preprocess(x, options) }), {
      inputs: { x: [1, 1, 1, 3] },
      dtypes: { x: "u8" },
    });
    const { y } = await model.run({ x: Uint8Array.of(0, 51, 255) });
    model.dispose();
    return y.data;
  };
  assert.ok(relativeL2(await run(undefined), [0, 0.2, 1]) < 1e-6);
  assert.ok(relativeL2(await run({ preset: "x3d-s" }), [-2, (0.2 - 0.45) / 0.225, 0.55 / 0.225]) < 1e-6);
  assert.ok(relativeL2(await run({ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.25] }), [-1, -0.6, 2]) < 1e-6);
  assert.match((await rejection(() => run({ std: [1, 0, 1] }))).message, /std: expected three numbers other than 0/);
  assert.match((await rejection(() => run({ preset: "x3d" }))).message, /preset/);
});

test.run();
