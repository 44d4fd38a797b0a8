// Features that are computed when they are read: projected by S3D-G's last layer, or decoded from videos.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureFolder } from "#lib/data/feature_folder.js";
import { ProjectedFeatures } from "#lib/features/projected_features.js";
import { PackedDataset } from "#lib/data/packed_dataset.js";
import { DecodedFeatures } from "#lib/features/decoded_features.js";
import { VIDEOCLIP_LIGHT } from "#lib/models/videoclip/videoclip_config.js";
import * as ops from "#lib/ops.js";
import { Random } from "#lib/base/random.js";
import { npyBytes } from "#lib/weights/npy.js";
import { writeSafetensors } from "#lib/weights/safetensors.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { videoclip } from "../support/command_line.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { stored } from "#lib/weights/tensor.js";

const test = suite("feature sources");
const folder = temporaryFolder("source");
test.after(() => ops.dispose());

const random = new Random(1);
const normal = (size: number) => Float32Array.from({ length: size }, () => random.normal());
const [weight, bias, features] = [normal(512 * 1024), normal(512), normal(70 * 1024)];
const weights = join(folder, "s3dg.safetensors");
writeSafetensors(weights, new Map([["fc.weight", stored([512, 1024], () => weight, "f32")], ["fc.bias", stored([512], () => bias, "f32")]])); // prettier-ignore
mkdirSync(join(folder, "mixed_5c"));
writeFileSync(join(folder, "mixed_5c", "a.npy"), npyBytes(features, [70, 1024], "f32"));
const clips = join(folder, "clips.jsonl");
writeFileSync(clips, '{"features": "a", "start": 0, "end": 2, "text": "stir the soup"}\n');

test("data check and data pack project the public 1024-wide features to x W' + b", async () => {
  const source = await ProjectedFeatures.open(new FeatureFolder(join(folder, "mixed_5c")), weights);
  const { rows, width, data, shape } = await source.read("a");
  assert.equal(shape, [rows, width]);
  assert.equal([rows, width, data.length], [70, 512, 70 * 512]);
  for (const [row, column] of [
    [0, 0],
    [69, 511],
    [31, 100],
  ]) {
    let sum = bias[column];
    for (let i = 0; i < 1024; i++) sum += features[row * 1024 + i] * weight[column * 1024 + i];
    assert.ok(Math.abs(data[row * 512 + column] - sum) < 1e-3, `${data[row * 512 + column]} and ${sum}`);
  }
  const check = videoclip(
    "data",
    "check",
    "jsonl",
    clips,
    "--features",
    join(folder, "mixed_5c"),
    "--s3d-fc",
    weights,
    "--json",
  );
  assert.is(check.status, 0, check.stderr);
  assert.equal((JSON.parse(check.stdout) as { features: object }).features, { found: 1, rows: 70, width: 512 });
  writeFileSync(join(folder, "vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nstir\nthe\nsoup\n");
  const out = join(folder, "packed");
  const pack = videoclip("data", "pack", "jsonl", clips, "--features", join(folder, "mixed_5c"), "--s3d-fc", weights, "--tokenizer", join(folder, "vocab.txt"), "--out", out); // prettier-ignore
  assert.is(pack.status, 0, pack.stderr);
  const dataset = new PackedDataset(out);
  assert.is(dataset.width, 512);
  dataset.close();
});

test("other widths and files without the layer are refused", async () => {
  mkdirSync(join(folder, "narrow"));
  writeFileSync(join(folder, "narrow", "a.npy"), npyBytes(new Float32Array(8), [4, 2], "f32"));
  const narrow = await ProjectedFeatures.open(new FeatureFolder(join(folder, "narrow")), weights);
  await refused(() => narrow.read("a"), /expected features of width 1024, received 2/);
  const other = join(folder, "other.safetensors");
  writeSafetensors(other, new Map([["fc.weight", stored([1024, 512], () => weight, "f32")]]));
  await refused(
    () => ProjectedFeatures.open(narrow, other),
    /1 missing: fc\.bias; 1 of the wrong shape: fc\.weight \(expected \[512, 1024\], found \[1024, 512\]\)/,
  );
});

test("features that are decoded when they are read equal those of videoclip extract", async () => {
  const videos = join(folder, "videos");
  mkdirSync(videos);
  await makeVideo(join(videos, "a.mp4"), { seconds: 2, width: 160, height: 120, rate: 10 });
  const made = videoclip("extract", videos, "--model", "videoclip-light", "--random-weights", "1", "--save-dtype", "f32", "--out", join(folder, "extracted"), "--quiet"); // prettier-ignore
  assert.is(made.status, 0, made.stderr);
  const source = new DecodedFeatures(videos, VIDEOCLIP_LIGHT.videoModel!, { randomWeights: 1 });
  assert.ok(source.has("some/where/a.mp4") && !source.has("b"));
  assert.equal(await source.read("a"), new FeatureFolder(join(folder, "extracted")).read("a"));
  source.dispose();
  const check = videoclip("data", "check", "jsonl", clips, "--features", videos, "--video-model", "videoclip-light", "--random-weights", "1", "--json"); // prettier-ignore
  assert.is(check.status, 0, check.stderr);
  assert.equal((JSON.parse(check.stdout) as { features: object }).features, { found: 1, rows: 1, width: 2048 });
  assert.is(videoclip("data", "check", "jsonl", clips, "--features", videos, "--random-weights", "1").status, 2);
});

test.run();
