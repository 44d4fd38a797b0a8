// Weights are found under any entry of a checkpoint, and without the prefixes that compilers and trainers add to keys.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { inspectWeights } from "#lib/weights/inspect.js";
import { loadInto } from "#lib/weights/load_into.js";
import { openWeights } from "#lib/weights/open_weights.js";
import { writeSafetensors } from "#lib/weights/safetensors.js";
import { stateDict } from "#lib/weights/state_dict.js";
import { stored, type StoredTensor } from "#lib/weights/tensor.js";
import type { Tree } from "#lib/weights/torch.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("wrappers of weights");
const root = temporaryFolder("wrappers");
let files = 0;

const tensor = (value: number): StoredTensor => stored([2], () => Float32Array.of(value, value), "f32");
const tree = (entries: Record<string, Tree | Record<string, Tree>>): Map<string, Tree> =>
  new Map(Object.entries(entries) as [string, Tree][]);
const weights = (prefix = "") => tree({ [`${prefix}a.weight`]: tensor(1), [`${prefix}b.weight`]: tensor(2) });

test("the state dict is found under its common names, at any depth", () => {
  const keys = ["a.weight", "b.weight"];
  const optimizer = tree({ state: tree({ 0: tree({ exp_avg: tensor(9) }) }) });
  const found = (from: Tree) => [...stateDict(from).keys()];
  for (const name of "state_dict model_state_dict model_state model module net network ema model_ema state_dict_ema shadow something".split(
    " ",
  )) {
    assert.equal(found(tree({ [name]: weights(), optimizer, epoch: 3 })), keys, name);
    assert.equal(found(tree({ checkpoint: tree({ [name]: weights() }), lr_schedulers: [] })), keys, name);
  }
  assert.equal(found(tree({ state_dict: tree({ model: tree({ ema: weights() }) }) })), keys);
  const both = stateDict(tree({ ema: tree({ "a.weight": tensor(7) }), model: weights() }));
  assert.equal([...both.keys()], keys, "averaged weights are used only if there are no others");
  assert.equal(
    found(tree({ epoch: 3, first: weights(), second: weights() })),
    [],
    "two candidates without a known name",
  );
  assert.equal(found(tree({ optimizer })), []);
});

test("prefixes of torch.compile and data parallelism are removed from keys, at any depth", () => {
  const keys = ["a.weight", "b.weight"];
  for (const prefix of [
    "module.",
    "_orig_mod.",
    "module._orig_mod.",
    "_orig_mod.module.",
    "module.module.",
    "_orig_mod._orig_mod.module.",
  ])
    assert.equal([...stateDict(weights(prefix)).keys()], keys, prefix);
  const part = stateDict(tree({ "backbone._orig_mod.a": tensor(1), "head.b": tensor(2), "net.module.c": tensor(3) }));
  assert.equal([...part.keys()], ["backbone.a", "head.b", "net.module.c"]);
  const averaged = stateDict(tree({ n_averaged: tensor(5), "module.a": tensor(1) }));
  assert.equal([...averaged.keys()], ["a"]);
  const clash = stateDict(tree({ "_orig_mod.a": tensor(1), a: tensor(2) }));
  assert.equal([...clash.keys()], ["_orig_mod.a", "a"], "no key is overwritten");
});

/** A safetensors file with these tensors. */
function file(tensors: Map<string, StoredTensor>): string {
  const path = join(root, `${files++}.safetensors`);
  writeSafetensors(path, tensors);
  return path;
}

test("a common prefix of all keys is removed if the model then fits, and is reported otherwise", async () => {
  const shapes = new Map([["a.weight", [2]], ["b.weight", [2]]]); // prettier-ignore
  const load = async (path: string, options = {}) => {
    const values = new Map<string, number>();
    await loadInto({ set: (key, _, data) => void values.set(key, data[0]) }, path, { shapes, ...options });
    return Object.fromEntries(values);
  };
  const expected = { "a.weight": 1, "b.weight": 2 };
  for (const prefix of ["", "model.", "encoder.", "model.net.", "ema.model._orig_mod.", "student.backbone.0."])
    assert.equal(await load(file(weights(prefix) as Map<string, StoredTensor>)), expected, prefix);
  const rename = [[/^x\./, ""]] as const;
  assert.equal(await load(file(weights("model.x.") as Map<string, StoredTensor>), { rename }), expected);
  const other = file(new Map([["model.c.weight", tensor(1)], ["model.d.weight", tensor(1)]])); // prettier-ignore
  const error = await rejection(load(other));
  assert.match(error.message, /2 missing: a\.weight, b\.weight; 2 unexpected.*; all its keys begin with model\., such as model\.c\.weight/); // prettier-ignore
  const none = {
    path: "x.pth",
    tensors: new Map(),
    sha256: "0",
    root: tree({ epoch: 3, first: weights(), second: weights() }),
  };
  const empty = await rejection(loadInto({ set() {} }, none, { shapes }));
  assert.match(empty.message, /no tensors under state_dict, .*its entries are epoch, first, second/);
});

test("a video network, and a published layout, load with every prefix", async () => {
  const plain = await openWeights("models/shapes/video_model.safetensors");
  const clip = Uint8Array.from({ length: 8 * 64 * 64 * 3 }, (_, i) => i % 251);
  const encode = async (path: string) => {
    using encoder = await VideoEncoder.load({ model: "s3d-tiny", weights: path, preset: "shapes", device: "cpu", threads: 1 }); // prettier-ignore
    return [...(await encoder.encode([clip])).data];
  };
  const reference = await encode("models/shapes/video_model.safetensors");
  for (const prefix of ["_orig_mod.", "module._orig_mod.", "model.", "encoder.", "module.model.video."]) {
    const path = file(new Map([...plain.tensors].map(([key, value]) => [`${prefix}${key}`, value])));
    assert.equal(await encode(path), reference, prefix);
  }
  plain.close();
  const marked = file(new Map([["model.net.features.0.0.0.weight", tensor(1)], ["model.net.x", tensor(1)]])); // prettier-ignore
  assert.match((await inspectWeights(marked)).model ?? "", /torchvision/);
});

test("a VideoCLIP model loads from a trainer's checkpoint", async () => {
  const plain = await openWeights("models/shapes/model.safetensors");
  const folder = mkdtempSync(join(root, "model-"));
  writeSafetensors(
    join(folder, "model.safetensors"),
    new Map([...plain.tensors].map(([key, value]) => [`model._orig_mod.${key}`, value])),
  );
  plain.close();
  for (const name of ["config.json", "tokenizer.json"]) {
    writeFileSync(join(folder, name), readFileSync(join("models/shapes", name)));
  }
  using wrapped = await VideoClip.load(folder, { device: "cpu", threads: 1 });
  using own = await VideoClip.load("models/shapes", { device: "cpu", threads: 1 });
  const text = async (model: VideoClip) => [...(await model.encodeText(["a red circle"])).data];
  assert.equal(await text(wrapped), await text(own));
});

test.run();
