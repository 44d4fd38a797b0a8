// Lines of pairs refer to features by their path or by the name of their video, entirely or for the seconds that a line
// names.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureFolder } from "#lib/data/feature_folder.js";
import { DatasetError } from "#lib/base/errors.js";
import { readPairs } from "#lib/train/recipes/pairs.js";
import { npyBytes } from "#lib/weights/npy.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("lines of pairs");
const folder = temporaryFolder("pairs");

// row t of the features of `soup` is [t, t]
mkdirSync(join(folder, "features"));
const values = Float32Array.from({ length: 12 }, (_, i) => Math.floor(i / 2));
writeFileSync(join(folder, "features", "soup.npy"), npyBytes(values, [6, 2], "f16"));
writeFileSync(join(folder, "features", "wide.npy"), npyBytes(new Float32Array(6), [2, 3], "f32"));
writeFileSync(join(folder, "features", "broken.npy"), npyBytes(Float32Array.of(1, NaN), [1, 2], "f32"));
const features = new FeatureFolder(join(folder, "features"));

const read = (line: object, named = true) => {
  const file = join(folder, "pairs.jsonl");
  writeFileSync(file, `${JSON.stringify({ text: "stir the soup", ...line })}\n`);
  return readPairs(file, { featureSize: 2 }, named ? features : undefined);
};
const seconds = async (line: object) => {
  const { data, shape } = (await read(line))[0].video();
  assert.equal([shape[0], shape[1], data.length], [data.length / 2, 2, data.length]);
  return Array.from({ length: shape[0] }, (_, t) => data[2 * t]);
};
const refused = async (line: object, pattern: RegExp, named = true) => {
  const error = await rejection(read(line, named));
  assert.instance(error, DatasetError);
  assert.match(error.message, pattern);
  assert.match(error.message, /pairs\.jsonl:1: /);
};

test("features are found by path and by the name of a video", async () => {
  assert.equal(await seconds({ features: "features/soup.npy" }), [0, 1, 2, 3, 4, 5]);
  assert.equal(await seconds({ video: "soup" }), [0, 1, 2, 3, 4, 5]);
  assert.equal(await seconds({ video: "clips/soup.mp4" }), [0, 1, 2, 3, 4, 5]);
  assert.equal((await read({ video: "soup", text: [5, 6] }))[0].text, [5, 6]);
});

test("start and end name seconds, and every row that they touch is used", async () => {
  assert.equal(await seconds({ video: "soup", start: 2, end: 4 }), [2, 3]);
  assert.equal(await seconds({ video: "soup", start: 1.5, end: 3.2 }), [1, 2, 3]);
  assert.equal(await seconds({ features: "features/soup.npy", start: 5.5, end: 6.4 }), [5]);
});

test("seconds outside the features are refused", async () => {
  await refused({ video: "soup", start: 0, end: 600 }, /end: expected above start, at most 6, .*received 600/);
  await refused({ video: "soup", start: 6, end: 7 }, /start: expected 0 to below 6, .*received 6/);
  await refused({ video: "soup", start: -1, end: 2 }, /start: expected 0 to below 6, .*received -1/);
  await refused({ video: "soup", start: 3, end: 3 }, /end: expected above start/);
  await refused({ video: "soup", start: 3 }, /end: expected a number, received nothing/);
  await refused({ video: "soup", start: "3", end: 4 }, /start: expected a number, received "3"/);
});

test("a line that names a video needs a folder of features, and the error says so", async () => {
  const line = { video: "soup", start: 0, end: 2 };
  await refused(
    line,
    /video: lines that name a video need data\.features in the run file.*"features": "soup\.npy"/,
    false,
  );
  await refused({ video: "salad" }, /video: .*features has no features of salad/);
  await refused({}, /features: expected the path of a \.npy file, or video, .*received nothing/);
});

test("unusable features and texts are refused with their line", async () => {
  await refused({ features: "none.npy" }, /features: there is no file .*none\.npy/);
  await refused({ video: "wide" }, /wide\.npy: expected features \[T, 2\], received \[2, 3\]/);
  await refused({ video: "soup", text: " " }, /text: expected a sentence or a list of ids, received " "/);
  await refused({ video: "soup", text: [1.5] }, /text: expected a sentence or a list of ids/);
  const [line] = await read({ video: "broken" });
  assert.throws(() => line.video(), /broken\.npy: row 0, column 1 is NaN/);
});

test.run();
