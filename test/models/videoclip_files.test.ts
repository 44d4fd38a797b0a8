// VideoClip reads sentences and video files with the tokenizer and the frozen video encoder of its folder.
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { parametersOf } from "#lib/models/parameters.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import type { VideoClipConfig } from "#lib/models/videoclip/videoclip_config.js";
import { videoOutput } from "#lib/models/video/video_models.js";
import { hashParameter } from "#lib/nn/random_weights.js";
import { input, trace } from "#lib/graph/trace.js";
import { WordPieceTokenizer } from "#lib/text/wordpiece.js";
import { openVideo } from "#lib/video/index.js";
import type { Clip } from "#lib/video/types.js";
import { resolvePreset } from "#lib/video/presets.js";
import { writeSafetensors } from "#lib/weights/safetensors.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { stored } from "#lib/weights/tensor.js";

const test = suite("videoclip files");
const folder = temporaryFolder("files");

const vocabulary = "test/fixtures/tokenizer/vocab.txt";
const { size, cls, sep, pad } = WordPieceTokenizer.load(vocabulary);
const sampling = { fps: 4, frames: 4, stride: 4, size: 32 };
const config: Partial<VideoClipConfig> = {
  hiddenSize: 32,
  heads: 2,
  intermediateSize: 64,
  videoLayers: 1,
  textLayers: 1,
  featureSize: 2048,
  vocabularySize: size,
  clsId: cls,
  sepId: sep,
  padId: pad,
  maxVideoLength: 3,
  videoModel: { model: "x3d-s", output: "features", preset: "x3d-s", ...sampling },
};
const preset = resolvePreset("x3d-s", sampling);
const cpu = { device: "cpu", threads: 2 } as const;

const short = join(folder, "short.mp4");
const long = join(folder, "long.mp4");
await makeVideo(short, { width: 64, height: 48, rate: 8, seconds: 2, seed: 1 });
await makeVideo(long, { width: 48, height: 64, rate: 8, seconds: 5, seed: 2 });

/** The features of the frozen encoder for an entire video. */
async function featuresOf(path: string) {
  const encoder = VideoEncoder.random(7, { model: "x3d-s", preset, output: "features", ...cpu });
  const clips: Clip[] = [];
  for await (const clip of await openVideo(path, { preset })) clips.push(clip);
  const features = await encoder.encode(clips);
  encoder.dispose();
  return features;
}

test("strings use the tokenizer of the folder, which is saved with the model", async () => {
  const first = VideoClip.random(3, { ...cpu, config, tokenizer: vocabulary });
  const ids = WordPieceTokenizer.load(vocabulary).encode("stir the soup", { specialTokens: false }).ids;
  const { rows } = await first.encodeText(["stir the soup", ids]);
  assert.equal(rows.slice(0, 32), rows.slice(32));
  const dir = join(folder, "model");
  await first.save(dir);
  assert.equal(readdirSync(dir).sort(), ["config.json", "model.safetensors", "tokenizer.json"]);
  const again = await VideoClip.load(dir, cpu);
  assert.equal((await again.encodeText("stir the soup")).rows, rows.slice(32));
  // a plain vocabulary works as well
  rmSync(join(dir, "tokenizer.json"));
  copyFileSync(vocabulary, join(dir, "vocab.txt"));
  const plain = await VideoClip.load(dir, cpu);
  assert.equal((await plain.encodeText("stir the soup")).rows, rows.slice(32));
  for (const model of [first, again, plain]) model.dispose();
});

test("a tokenizer of another model is refused", async () => {
  const load = (changed: Partial<VideoClipConfig>) =>
    Promise.resolve().then(() =>
      VideoClip.random(3, { ...cpu, config: { ...config, ...changed }, tokenizer: vocabulary }),
    );
  await refused(load({ vocabularySize: size - 1 }), /at most \d+ tokens/, "ERR_WEIGHTS");
  await refused(
    load({ clsId: cls + 1 }),
    new RegExp(`expected.*\\[CLS\\] ${cls + 1}.*received.*\\[CLS\\] ${cls}`),
    "ERR_WEIGHTS",
  );
});

test("a video file gives the same as its features", async () => {
  const model = VideoClip.random(3, { ...cpu, config, randomVideoWeights: 7 });
  const features = await featuresOf(short);
  assert.is(features.shape[0], 2);
  const progress: { videos: number; features: number }[] = [];
  const result = await model.encodeVideo([short, features, short], { onProgress: (p) => progress.push(p) });
  const row = (i: number) => result.rows.slice(i * 32, (i + 1) * 32);
  assert.equal(row(0), row(1));
  assert.equal(row(2), row(1));
  assert.equal(progress.at(-1), { videos: 3, total: 3, features: 4 } as never);
  assert.ok(progress.length > 3);
  model.dispose();
  model.dispose();
});

test("the video encoder runs on the model's device and is disposed with the model", async () => {
  const device = createDevice(cpu);
  const initial = device.memory().parameters;
  const model = VideoClip.random(3, { device, config, randomVideoWeights: 7 });
  const before = device.memory().parameters;
  await model.embedVideo(short);
  assert.ok(device.memory().parameters > before + 1e6, "the device holds its weights");
  model.dispose();
  await new Promise(setImmediate);
  assert.is(device.memory().parameters, initial);
  assert.not(device.disposed);
  device.dispose();
});

test("long video files are refused, cut or read in windows", async () => {
  const model = VideoClip.random(3, { ...cpu, config, randomVideoWeights: 7 });
  const { data, shape } = await featuresOf(long);
  assert.equal([...shape], [5, 2048]);
  await refused(model.encodeVideo(long), /long\.mp4.*at most 3 features.*longVideos/, "ERR_INVALID_ARGUMENT");
  let features = 0;
  const cut = await model.encodeVideo(long, { longVideos: "truncate", onProgress: (p) => (features = p.features) });
  assert.is(features, 3, "unused features are not computed");
  assert.equal(cut.rows, (await model.encodeVideo({ data: data.slice(0, 3 * 2048), shape: [3, 2048] })).rows);
  const windows = await model.encodeVideo(long, { longVideos: "window" });
  assert.equal(windows.rows, (await model.encodeVideo({ data, shape }, { longVideos: "window" })).rows);
  assert.is(windows.windows.length, 2);
  model.dispose();
});

test("the weights of the video encoder are in the model's folder", async () => {
  const shapes = parametersOf(trace(() => ({ y: videoOutput(input("v", [1, 4, 32, 32, 3]), "x3d-s", "features") })));
  const tensors = new Map(
    [...shapes].map(([key, dims]) => [key, stored(dims, () => hashParameter("files/", key, dims), "f32")]),
  );
  const weights = join(folder, "X3D_S.safetensors");
  writeSafetensors(weights, tensors);
  const first = VideoClip.random(3, { ...cpu, config, videoWeights: weights });
  const { rows } = await first.encodeVideo(short);
  const dir = join(folder, "whole");
  await first.save(dir);
  const again = await VideoClip.load(dir, cpu);
  assert.equal((await again.encodeVideo(short)).rows, rows);
  // saved again, the video encoder keeps its bytes: features are known by their hash
  await again.save(join(folder, "again"));
  const bytesIn = (name: string) => readFileSync(join(folder, name, "video_model.safetensors"));
  assert.ok(bytesIn("again").equals(bytesIn("whole")));
  first.dispose();
  again.dispose();
});

test("errors name missing parts of the model", async () => {
  const model = VideoClip.random(3, { ...cpu, config });
  await refused(model.encodeVideo(short), /weights of x3d-s.*videoWeights/, "ERR_INVALID_ARGUMENT");
  model.dispose();
  const none = VideoClip.random(3, { ...cpu, config: { ...config, videoModel: null } });
  await refused(none.encodeVideo(short), /videoModel/, "ERR_INVALID_ARGUMENT");
  none.dispose();
  const whole = VideoClip.random(3, { ...cpu, config, randomVideoWeights: 7 });
  await refused(whole.encodeVideo(join(folder, "none.mp4")), /none\.mp4/, "ERR_VIDEO_NOT_FOUND");
  const broken = join(folder, "broken.mp4");
  writeFileSync(broken, readFileSync(short).subarray(0, 400));
  const error = await whole.encodeVideo([short, broken]).catch((reason: Error) => reason);
  assert.match((error as Error).message, /broken\.mp4/);
  const aborted = new AbortController();
  const work = whole.encodeVideo([short, long], {
    longVideos: "window",
    signal: aborted.signal,
    onProgress: () => aborted.abort(new Error("enough")),
  });
  assert.is(await work.catch((reason: Error) => reason.message), "enough");
  assert.ok((await whole.encodeVideo(short)).rows.every(Number.isFinite), "it still works");
  whole.dispose();
  const random = (changed: Partial<VideoClipConfig>) =>
    Promise.resolve().then(() => VideoClip.random(3, { ...cpu, config: { ...config, ...changed } }));
  await refused(random({ featureSize: 512 }), /features of x3d-s has width 2048.*512/, "ERR_INVALID_ARGUMENT");
  const extra = { ...config.videoModel, rate: 3 } as never;
  await refused(random({ videoModel: extra }), /received rate/, "ERR_INVALID_ARGUMENT");
  await refused(
    Promise.resolve().then(() => VideoClip.random(3, { ...cpu, config, videoWeights: "none.pyth" })),
    /none\.pyth/,
    "ERR_WEIGHTS",
  );
});

test.run();
