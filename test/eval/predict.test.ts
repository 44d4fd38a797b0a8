// A model's predictions are written as submissions and scored; plain arithmetic checks how they are computed.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureFolder } from "#lib/data/feature_folder.js";
import { readDidemo } from "#lib/data/didemo.js";
import { predictCoin } from "#lib/eval/benchmarks/coin.js";
import { predictDidemo } from "#lib/eval/benchmarks/didemo.js";
import { proposeWindows } from "#lib/eval/benchmarks/qvhighlights.js";
import {
  type BenchmarkName,
  benchmarkPage,
  evaluateBenchmark,
  listBenchmarks,
  predictBenchmark,
} from "#lib/eval/run_benchmark.js";
import { rankSegments } from "#lib/eval/didemo.js";
import { WindowEncoder } from "#lib/eval/window_encoder.js";
import { clipFeatures } from "#lib/models/videoclip/clip_features.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { classifierParameters, saveClassifier } from "#lib/models/videoclip/videoclip_classifier.js";
import { makeDatasets, makeFeatures, makeTextModels } from "../../scripts/make_datasets.mjs";
import { jsonLines, videoclip } from "../support/command_line.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("predictions of a model");
const folder = temporaryFolder("predict");
const files = makeDatasets(folder);
makeTextModels(folder);
makeFeatures(folder, 512);
const features = new FeatureFolder(join(folder, "features"));
const vocabulary = readFileSync(join(folder, "vocab.txt"), "utf8").trim().split("\n").length;
const model = VideoClip.random(4, {
  config: { hiddenSize: 16, heads: 2, intermediateSize: 32, videoLayers: 1, textLayers: 1, vocabularySize: vocabulary },
  device: "cpu",
  threads: 2,
  tokenizer: join(folder, "vocab.txt"),
});
const saved = join(folder, "model");
await model.save(saved);
test.after(() => model.dispose());

const read = (name: string) => {
  const { data, rows, width } = features.read(name);
  return { data, shape: [rows, width] as const };
};

function evaluate(task: string, ...args: string[]) {
  const { status, stdout, stderr } = videoclip("eval", task, "--json", ...args);
  assert.is(status, 0, stderr);
  return JSON.parse(stdout) as Record<string, number>;
}
const withModel = ["--model", saved, "--features", join(folder, "features"), "--quiet"];

const ran = new Set<string>();

/** Runs a task with the model, then scores its output without it: both give the same figures. */
async function both(task: BenchmarkName, truth: string, out: string, ...more: string[]) {
  const predictions = join(folder, out);
  const scored = evaluate(task, "--truth", truth, "--predictions", predictions, ...withModel, ...more);
  const again = await evaluateBenchmark(task, { truth, predictions });
  assert.equal(JSON.parse(JSON.stringify(again)), scored);
  ran.add(task);
  return scored;
}

test("retrieval: every text is scored with every clip, cut to 32 s, and the matrix is saved", async () => {
  const scored = await both("youcook2", files.youcook2, "youcook2.npy");
  assert.is(scored.queries, 5);
  const bytes = readFileSync(join(folder, "youcook2.npy"));
  const matrix = new Float32Array(bytes.buffer.slice(bytes.byteOffset + bytes.length - 100));
  const video = read("bbbbbbbbbbb");
  const { data: v } = await model.encodeVideo([clipFeatures(video, 20, 28)]);
  const { data: t } = await model.encodeText(["heat the oil"]);
  const expected = v.reduce((sum, x, i) => sum + x * t[i], 0);
  assert.ok(Math.abs(matrix[1 * 5 + 2] - expected) < 1e-4 * Math.abs(expected), `${matrix[7]} and ${expected}`);
  assert.is((await both("msrvtt", files.msrvtt_pairs, "msrvtt.npy")).queries, 2);
  assert.is(clipFeatures(video, 60.5, 200).shape[0], 1);
  assert.is(clipFeatures(video, 500, 600).shape[0], 1);
});

test("the token of a second is the mean over the windows that contain it", async () => {
  const video = clipFeatures(read("aaaaaaaaaaa"), 0, 40);
  const encoder = new WindowEncoder(model);
  const all = await encoder.seconds(video, 16);
  const [first, second] = [
    await encoder.seconds(clipFeatures(video, 0, 32)),
    await encoder.seconds(clipFeatures(video, 16, 40)),
  ];
  const D = 16;
  for (const [t, expected] of [
    [3, (d: number) => first[3 * D + d]],
    [20, (d: number) => (first[20 * D + d] + second[4 * D + d]) / 2],
    [39, (d: number) => second[23 * D + d]],
  ] as const) {
    for (let d = 0; d < D; d++) assert.ok(Math.abs(all[t * D + d] - expected(d)) < 1e-5);
  }
  // [CLS] is masked here, unlike in retrieval
  const { tokens } = await model.encodeVideo(clipFeatures(video, 0, 32), { tokens: true });
  assert.not.equal(tokens![0], first);
  encoder.dispose();
});

test("COIN: zero-shot labels with the background, and a fine-tuned classifier", async () => {
  const zero = await both("coin", files.coin, "coin.jsonl");
  assert.is(zero.videos, 1);
  // a classifier that always predicts class 33
  const weights = classifierParameters(36, 16);
  model.device.parameters.set(weights[0].key, weights[0].shape, new Float32Array(36 * 16));
  model.device.parameters.set(
    weights[1].key,
    weights[1].shape,
    Float32Array.from({ length: 36 }, (_, c) => (c === 33 ? 1 : 0)),
  );
  const [line] = await predictCoin([{ video: "bbbbbbbbbbb" }], new Map(), { model, features, classes: 36 });
  assert.equal([...new Set(line.labels)], [33]);
  assert.is(line.labels.length, 61);
  saveClassifier(saved, model.device.parameters, 36, 16);
  const tuned = await both("coin", files.coin, "tuned.jsonl");
  assert.ok(Math.abs(tuned.frameAccuracy - 9 / 61) < 1e-9, `${tuned.frameAccuracy}`);
});

test("CrossTask: each step gets a second, in order, for the requested videos", async () => {
  const folderOf = join(folder, "crosstask", "annotations");
  const scored = await both("crosstask", folderOf, "steps.jsonl");
  assert.is(scored.videos, 2);
  const [first] = jsonLines(join(folder, "steps.jsonl")) as { seconds: number[] }[];
  assert.is(first.seconds.length, 5);
  assert.equal(
    [...first.seconds].sort((a, b) => a - b),
    first.seconds,
  );
  assert.is(new Set(first.seconds).size, 5);
  assert.is((await both("crosstask", folderOf, "some.jsonl", "--without", files.crosstask_videos_val)).videos, 1);
});

test("DiDeMo: all 21 segments are ranked by the mean product of their tokens with the text", async () => {
  assert.is((await both("didemo", files.didemo, "didemo.json")).queries, 1);
  await both("didemo", files.didemo, "didemo.jsonl");
  const queries = await readDidemo(files.didemo);
  const [ranked] = await predictDidemo(queries, { model, features });
  assert.is(new Set(ranked.map(String)).size, 21);
  const { tokens } = await model.encodeVideo(read("x"), { tokens: true, longVideos: "truncate" });
  const { rows } = await model.encodeText(queries[0].text);
  const score = (first: number, last: number) => {
    let sum = 0;
    const seconds = Math.min(32, 5 * (last + 1)) - 5 * first;
    for (let t = 5 * first; t < 5 * first + seconds; t++)
      for (let d = 0; d < 16; d++) sum += tokens![0][t * 16 + d] * rows[d];
    return sum / seconds;
  };
  for (let i = 1; i < 21; i++) assert.ok(score(...(ranked[i - 1] as [number, number])) >= score(...(ranked[i] as [number, number])) - 1e-5); // prettier-ignore
});

test("DiDeMo: segments behind the end of a short video are omitted, and empty places enter the mean", async () => {
  const queries = await readDidemo(files.didemo);
  const video = clipFeatures(read("x"), 0, 12);
  const [rows, width] = video.shape;
  const short = { folder: "", has: () => true, read: () => ({ ...video, rows, width }) };
  const [ranked] = await predictDidemo(queries, { model, features: short });
  assert.equal(new Set(ranked.map(([first]) => first)), new Set([0, 1, 2]));
  const { tokens } = await model.encodeVideo(video, { tokens: "padded" });
  assert.is(tokens![0].length, 32 * 16);
  const { data: scores } = await model.similarity(tokens![0], await model.encodeText(queries[0].text));
  assert.equal(ranked, rankSegments(scores, 12));
});

test("QVHighlights: windows surround the highest scores, and every clip has a score", async () => {
  await both("qvhighlights", files.qvhighlights, "qvh.jsonl");
  const saliency = Array.from({ length: 75 }, (_, c) => (c >= 20 && c < 25 ? 3 : 0.1 * Math.sin(c)));
  const windows = proposeWindows(saliency);
  assert.equal(windows[0].slice(0, 2), [40, 50]);
  assert.ok(windows.length > 1 && windows.length <= 10);
});

test("MSR-VTT: multiple choice", async () => {
  writeFileSync(join(folder, "mc.csv"), "vid_key\ta1\ta2\ta3\ta4\ta5\tanswer\nmsr9770\tcut\tadd\tsalt\toil\tsoup\t2\n");
  assert.is((await both("msrvtt-qa", join(folder, "mc.csv"), "mc.jsonl")).questions, 1);
});

test("CrossTask: the submission has the length, and a video with fewer seconds than steps has no step", async () => {
  const [first] = jsonLines(join(folder, "steps.jsonl")) as { length: number }[];
  assert.is(first.length, 61);
  const short = {
    folder,
    has: () => true,
    read: () => ({ data: new Float32Array(3 * 512).fill(1), shape: [3, 512] as const, rows: 3, width: 512 }),
  };
  const truth = join(folder, "crosstask", "annotations");
  const predictions = join(folder, "short.jsonl");
  await predictBenchmark("crosstask", { truth, predictions, model, features: short });
  const lines = jsonLines(predictions) as object[];
  const [task, video] = ["23521", "aaaaaaaaaaa"];
  assert.equal(lines[0], { task, video, seconds: [-1, -1, -1, -1, -1], length: 3 });
  assert.is((await evaluateBenchmark("crosstask", { truth, predictions })).averageRecall, 0);
});

test("every benchmark is run in this file", async () => {
  const lines = { video: "bbbbbbbbbbb", start: 20, end: 28, text: "heat the oil" };
  writeFileSync(join(folder, "own.jsonl"), `${JSON.stringify(lines)}\n`);
  assert.is((await both("jsonl", join(folder, "own.jsonl"), "own.npy")).queries, 1);
  assert.equal(
    [...ran].sort(),
    listBenchmarks()
      .map(({ name }) => name)
      .sort(),
  );
});

test("functions write the same files as the command, for a path and for an open model", async () => {
  const truth = files.youcook2;
  const given = { truth, features: join(folder, "features") };
  const written = readFileSync(join(folder, "youcook2.npy"));
  const progress: number[] = [];
  const predictions = join(folder, "js.npy");
  await predictBenchmark("youcook2", { ...given, predictions, model, onProgress: ({ done }) => progress.push(done) });
  assert.equal(readFileSync(predictions), written);
  assert.equal(progress, [1, 2, 3, 4, 5]);
  await predictBenchmark("youcook2", { ...given, predictions, model: saved, device: "cpu", threads: 1, features });
  assert.equal(readFileSync(predictions), written);
  const page = await benchmarkPage("youcook2", { truth, predictions });
  assert.match(page, /Text-to-video retrieval, youcook2/);
  // the model's folder contains a classifier, and the call has to choose it explicitly
  const coin = { truth: files.coin, features, predictions: join(folder, "js.jsonl") };
  await predictBenchmark("coin", { ...coin, model: saved, device: "cpu" });
  const tuned = readFileSync(coin.predictions, "utf8");
  assert.is(tuned, readFileSync(join(folder, "tuned.jsonl"), "utf8"));
  await predictBenchmark("coin", { ...coin, model });
  assert.is(readFileSync(coin.predictions, "utf8"), readFileSync(join(folder, "coin.jsonl"), "utf8"));
  await predictBenchmark("coin", { ...coin, model, classifier: saved });
  assert.is(readFileSync(coin.predictions, "utf8"), tuned);
});

test("unknown names and options are refused, and an aborted run leaves no file", async () => {
  const given = { truth: files.coin, predictions: join(folder, "none.jsonl"), model, features };
  const name = (text: string) => text as BenchmarkName;
  await refused(evaluateBenchmark(name("coyn"), given), /benchmark: there is no coyn; did you mean coin\?/);
  await refused(evaluateBenchmark(name("toString"), given), /there is no toString, expected one of msrvtt, /);
  await refused(predictBenchmark("coin", { ...given, without: "x.csv" }), /^without: coin has no such option$/);
  await refused(evaluateBenchmark("coin", { ...given, ties: "mmpt" }), /^ties: coin has no such option$/);
  await refused(predictBenchmark("coin", { ...given, signal: AbortSignal.abort(new Error("stop")) }), /^stop$/);
  assert.not(existsSync(given.predictions));
});

test("errors name missing features and a missing --features", () => {
  writeFileSync(join(folder, "more.csv"), 'key,vid_key,video_id,sentence\nret0,msr1,video404,"a cat"\n');
  const run = (...args: string[]) =>
    videoclip("eval", "msrvtt", "--truth", join(folder, "more.csv"), "--predictions", join(folder, "no.npy"), ...args); // prettier-ignore
  const missing = run(...withModel);
  assert.is(missing.status, 1);
  assert.match(missing.stderr, /1 of 1 videos have no features: video404/);
  assert.not(existsSync(join(folder, "no.npy")));
  assert.match(run("--model", saved).stderr, /--features: expected a folder/);
});

test.run();
