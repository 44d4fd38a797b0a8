// VideoClip through its public interface: reference rows, batches, windows, files.
import { readFileSync, writeFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError, WeightsError } from "#lib/base/errors.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { videoClipParameters } from "#lib/models/videoclip/videoclip_weights.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { openWeights, writeSafetensors } from "#lib/weights/index.js";
import { npyBytes } from "#lib/weights/npy.js";
import { type Fixture, makeInput, makeState, readFixture } from "../../scripts/fixtures/case.js";
import { spread } from "./shards.js";
import { Foreign, HalfTensor, type PickleValue, writeTorchFile } from "./torch_file.js";
import { relativeL2 } from "../support/numbers.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { stored } from "#lib/weights/tensor.js";

const test = suite("videoclip");
const fixture = readFixture("test/fixtures/models/videoclip_small.safetensors");
const k = fixture.case.config;
const folder = temporaryFolder("videoclip");
const config = {
  heads: k.heads,
  maxVideoLength: k.max_video_len,
  maxTextLength: k.max_len - k.max_video_len - 3,
  clsId: k.cls,
  sepId: k.sep,
};
const cpu = { device: "cpu" } as const;

/** A fixture's weights with the keys of an MMPT checkpoint. */
const weightsOf = (of: Fixture) =>
  new Map([...makeState(of)].map(([key, { shape, data }]) => [key, stored(shape, () => data, "f32")]));
const published = join(folder, "published.safetensors");
const publishedTensors = weightsOf(fixture);
writeSafetensors(published, publishedTensors);

const words = makeInput(fixture, "words");
const texts: number[][] = k.text_lengths.map((n: number, i: number) =>
  Array.from(words.data.subarray(i * words.shape[1] + 2, i * words.shape[1] + 2 + n)),
);
const vfeats = makeInput(fixture, "vfeats");
const stride = k.max_video_len * k.features;
const videos = (k.video_lengths as number[]).map((n, i) => ({
  data: vfeats.data.slice(i * stride, i * stride + n * k.features),
  shape: [n, k.features] as const,
}));

const golden = (name: string) => fixture.tensors.get(name)!.data as Float32Array;
const row = (rows: Float32Array, i: number, dim = k.hidden) => rows.slice(i * dim, (i + 1) * dim);
const model = await VideoClip.load(published, { ...cpu, config: { ...config, normalizeFeatures: false } });

test("sizes equal those of the checkpoint", () => {
  const { featureSize, videoLayers, textLayers, intermediateSize, vocabularySize, maxPositions } = model.config;
  assert.equal([featureSize, videoLayers, textLayers], [k.features, k.video_layers, k.text_layers]);
  assert.equal([intermediateSize, vocabularySize, maxPositions], [k.intermediate, k.vocab, k.positions]);
});

test("embeddings, tokens and similarities equal the reference", async () => {
  const video = await model.encodeVideo(videos, { tokens: true });
  const text = await model.encodeText(texts, { tokens: true });
  assert.ok(relativeL2(video.rows, golden("pooled_video")) < 1e-6);
  assert.ok(relativeL2(text.rows, golden("pooled_text")) < 1e-6);
  assert.ok(relativeL2((await model.similarity(video, text)).data, golden("similarity")) < 2e-6);
  const size = k.max_video_len + 2;
  for (const [i, n] of (k.video_lengths as number[]).entries()) {
    const from = (i * size + 1) * k.hidden;
    assert.ok(relativeL2(video.tokens![i], golden("video_hidden").subarray(from, from + n * k.hidden)) < 1e-6);
  }
  for (const [i, ids] of texts.entries()) {
    const from = i * (k.max_len - k.max_video_len - 1) * k.hidden;
    const to = from + (ids.length + 2) * k.hidden;
    assert.ok(relativeL2(text.tokens![i], golden("text_hidden").subarray(from, to)) < 1e-6);
  }
});

test("a row does not depend on its batch, its position or the threads", async () => {
  const all = await model.encodeVideo(videos);
  const order = [2, 0, 3, 1, 2];
  const mixed = await model.encodeVideo(order.map((i) => videos[i]));
  order.forEach((from, to) => assert.equal(row(mixed.rows, to), row(all.rows, from)));
  assert.not.equal(row(all.rows, 0), row(all.rows, 1));
  const lines = await model.encodeText(texts);
  const turned = await model.encodeText([...texts].reverse());
  texts.forEach((_, i) => assert.equal(row(turned.rows, texts.length - 1 - i), row(lines.rows, i)));
  for (const threads of [1, 3]) {
    const other = await VideoClip.load(published, { ...cpu, threads, config: model.config });
    assert.equal((await other.encodeText(texts.slice(1, 2))).rows, row(lines.rows, 1));
    other.dispose();
  }
});

test("batches can exceed the rows of a program, and lengths of every bucket work", async () => {
  const wide = VideoClip.random(3, {
    ...cpu,
    config: {
      hiddenSize: 32,
      heads: 2,
      intermediateSize: 64,
      videoLayers: 1,
      textLayers: 1,
      featureSize: 5,
      vocabularySize: 200,
    },
  });
  const ids = hashValues("videoclip/", "ids", 61).map((v) => Math.floor((v + 1) * 99));
  const many = Array.from({ length: 71 }, (_, i) => Array.from(ids.subarray(0, 1 + ((i * 7) % 61))));
  const { rows } = await wide.encodeText(many);
  for (const i of [0, 1, 2, 33, 60, 70]) {
    const alone = await wide.encodeText([many[i]]);
    assert.ok(relativeL2(alone.rows, row(rows, i, 32)) < 1e-6, `text ${i}`);
  }
  // 150 x 71 similarities are computed in more than one block
  const data = hashValues("videoclip/", "rows", 150 * 32);
  const { data: scores, shape } = await wide.similarity({ data, shape: [150, 32] }, rows);
  assert.equal(shape, [150, 71]);
  assert.equal((await wide.similarity(data, { rows })).data, scores);
  await refused(
    () => wide.similarity({ data, shape: [32, 150] }, rows),
    /videos: expected rows \[n, 32\], received \[32, 150\]/,
    InvalidArgumentError,
  );
  for (const [v, t] of [
    [0, 0],
    [149, 70],
    [128, 3],
  ]) {
    const dot = row(data, v, 32).reduce((sum, x, d) => sum + x * rows[t * 32 + d], 0);
    assert.ok(Math.abs(scores[v * 71 + t] - dot) < 1e-4, `score ${v}, ${t}`);
  }
  wide.dispose();
});

test("features are scaled to unit length if the config says so", async () => {
  const unit = await VideoClip.load(published, { ...cpu, config });
  assert.ok(unit.config.normalizeFeatures, "by default");
  const scaled = videos.map(({ data, shape }) => ({ shape, data: data.map((v) => v * 4) }));
  const rows = await unit.encodeVideo(videos);
  assert.ok(relativeL2((await unit.encodeVideo(scaled)).rows, rows.rows) < 1e-6);
  const own = videos.map(({ data, shape }) => {
    const out = data.slice();
    for (let t = 0; t < shape[0]; t++) {
      const norm = Math.hypot(...data.subarray(t * k.features, (t + 1) * k.features));
      for (let i = 0; i < k.features; i++) out[t * k.features + i] /= norm;
    }
    return { data: out, shape };
  });
  assert.ok(relativeL2((await model.encodeVideo(own)).rows, rows.rows) < 1e-6);
  assert.ok(relativeL2((await model.encodeVideo(videos)).rows, rows.rows) > 1e-2);
  unit.dispose();
});

test("long videos are refused, cut or read in windows", async () => {
  const T = k.max_video_len;
  const n = 2 * T + 3;
  const long = { data: hashValues("videoclip/", "long", n * k.features), shape: [n, k.features] as const };
  await refused(() => model.encodeVideo(long), /at most 8 features, received 19.*longVideos/, InvalidArgumentError);
  const part = (start: number, end: number) => ({
    data: long.data.slice(start * k.features, end * k.features),
    shape: [end - start, k.features] as const,
  });
  const cut = await model.encodeVideo(long, { longVideos: "truncate" });
  assert.equal(cut.rows, (await model.encodeVideo(part(0, T))).rows);
  const {
    data: rows,
    windows,
    windowData,
    tokens,
  } = await model.encodeVideo([videos[1], long], {
    longVideos: "window",
    tokens: true,
  });
  assert.equal(windows.slice(1), [
    { video: 1, start: 0, end: T },
    { video: 1, start: T, end: 2 * T },
    { video: 1, start: 2 * T, end: n },
  ]);
  assert.is(tokens![1].length, n * k.hidden);
  const parts = await model.encodeVideo([part(0, T), part(T, 2 * T), part(2 * T, n)]);
  assert.equal(windowData.slice(k.hidden), parts.rows);
  assert.equal(row(rows, 0), row(windowData, 0), "a single window is unchanged");
  const mean = row(parts.rows, 0).map(
    (v, i) => (T * (v + parts.rows[k.hidden + i]) + 3 * parts.rows[2 * k.hidden + i]) / n,
  );
  assert.ok(relativeL2(row(rows, 1), mean) < 1e-6);
});

test("texts that are too long are cut at the end, and the result marks them", async () => {
  const max = model.config.maxTextLength;
  const long = Array.from({ length: max + 5 }, (_, i) => 4 + i);
  const { rows, truncated } = await model.encodeText([texts[1], long]);
  assert.equal(truncated, [1]);
  assert.equal(row(rows, 1), (await model.encodeText([long.slice(0, max)])).rows);
});

test("embeddings are matrices, and deprecated names still work", async () => {
  const [video, text] = [await model.encodeVideo(videos), await model.encodeText(texts)];
  assert.equal(video.shape, [videos.length, k.hidden]);
  assert.equal(text.shape, [texts.length, k.hidden]);
  for (const matrix of [video, text]) {
    assert.is(matrix.data.length, matrix.shape[0] * matrix.shape[1]);
    assert.is(matrix.rows, matrix.data);
    assert.is(matrix.dim, k.hidden);
  }
  assert.is(video.windowRows, video.windowData);
  assert.equal(await model.embedVideo(videos), video);
  assert.equal(await model.embedText(texts), text);
});

test("errors name arguments that do not fit", async () => {
  await refused(() => model.encodeText(["a bowl"]), /texts\[0\].*tokenizer/, InvalidArgumentError);
  await refused(() => model.encodeText([[4, 120]]), /texts\[0\].*0 to 119, received 120/, InvalidArgumentError);
  const wrong = { data: new Float32Array(20), shape: [2, 10] as const };
  await refused(() => model.encodeVideo([videos[0], wrong]), /videos\[1\].*\[T, 48\].*\[2, 10\]/, InvalidArgumentError);
  await refused(
    () => model.encodeVideo({ data: new Float32Array(0), shape: [0, 48] }),
    /at least one/,
    InvalidArgumentError,
  );
  await refused(() => VideoClip.load(published, { ...cpu, config: { heads: 5 } }), /heads \(5\)/, InvalidArgumentError);
  assert.equal((await model.encodeVideo([])).shape, [0, k.hidden]);
  assert.equal((await model.encodeText([])).shape, [0, k.hidden]);
  const controller = new AbortController();
  controller.abort(new Error("enough"));
  const aborted = await model.encodeText(texts, { signal: controller.signal }).catch((error: Error) => error.message);
  assert.is(aborted, "enough");
});

test("strings are tokenized without [CLS] and [SEP]", async () => {
  const tokenizer = { encode: (text: string) => ({ ids: [k.cls, ...text.split(" ").map(Number), k.sep] }) };
  const own = await VideoClip.load(published, { ...cpu, config: model.config, tokenizer });
  assert.equal((await own.encodeText(texts[1].join(" "))).data, (await model.encodeText([texts[1]])).data);
  own.dispose();
});

test("features can be read from .npy files", async () => {
  const path = join(folder, "video.npy");
  writeFileSync(path, npyBytes(videos[1].data, videos[1].shape, "f32"));
  assert.equal((await model.encodeVideo(path)).rows, (await model.encodeVideo(videos[1])).rows);
});

test("a saved model loads as the same model", async () => {
  const dir = join(folder, "saved");
  await model.save(dir);
  const again = await VideoClip.load(dir, cpu);
  assert.equal(again.config, model.config);
  assert.equal((await again.encodeVideo(videos)).rows, (await model.encodeVideo(videos)).rows);
  assert.equal((await again.encodeText(texts)).rows, (await model.encodeText(texts)).rows);
  again.dispose();
  const path = join(dir, "config.json");
  writeFileSync(path, readFileSync(path, "utf8").replace('"videoclip"', '"bert"'));
  await refused(() => VideoClip.load(dir, cpu), /config\.json.*"videoclip", found "bert"/, WeightsError);
});

test("a model that is saved as f16 takes half the space and gives similar rows", async () => {
  const [whole, half] = [join(folder, "saved-f32"), join(folder, "saved-f16")];
  await model.save(whole);
  await model.save(half, { dtype: "f16" });
  const size = (dir: string) => statSync(join(dir, "model.safetensors")).size;
  assert.ok(size(half) < 0.55 * size(whole));
  const again = await VideoClip.load(half, cpu);
  const [near, exact] = [(await again.encodeText(texts)).rows, (await model.encodeText(texts)).rows];
  const error = Math.hypot(...near.map((v, i) => v - exact[i])) / Math.hypot(...exact);
  assert.ok(error > 0 && error < 1e-2, `${error}`);
  again.dispose();
});

test("a checkpoint with missing or unknown keys is refused, and the error names them", async () => {
  const wrong = new Map(publishedTensors);
  const lost = "mmmodel.text_encoder.encoder.layer.1.output.dense.bias";
  wrong.delete(lost);
  wrong.set("mmmodel.video_encoder.extra.weight", publishedTensors.get("mmmodel.video_encoder.videomlp.linear1.bias")!);
  const path = join(folder, "wrong.safetensors");
  writeSafetensors(path, wrong);
  const text = /1 missing: text_encoder.encoder.layer.1.output.dense.bias; 1 unexpected: video_encoder.extra.weight/;
  await refused(() => VideoClip.load(path, { ...cpu, config }), text, WeightsError);
});

test("a half-precision fairseq checkpoint with the objects of its trainer is read", async () => {
  const state = new Map<string, PickleValue>();
  for (const [key, { shape, data }] of makeState(fixture)) state.set(key, new HalfTensor(shape, data));
  const path = join(folder, "checkpoint_best.pt");
  const metadata = new Foreign("omegaconf.base", "ContainerMetadata", new Map([["ref_type", null]]));
  const root = new Map<string, PickleValue>([
    ["args", new Foreign("argparse", "Namespace", new Map([["lr", 1]]))],
    ["cfg", new Foreign("omegaconf.dictconfig", "DictConfig", new Map([["_metadata", metadata]]))],
    ["extra_state", new Map([["hook", new Foreign("os", "system", "touch /tmp/never")]])],
    ["model", state],
  ]);
  writeTorchFile(path, root);
  await refused(() => openWeights(path), /omegaconf|argparse|not allowed/, WeightsError);
  const file = await openWeights(path, { skipForeign: true });
  assert.is((file.root as Map<string, unknown>).get("cfg"), null, "skipped objects are null");
  file.close();
  const half = await VideoClip.load(path, { ...cpu, config: model.config });
  const rows = (await half.encodeText(texts)).rows;
  const error = relativeL2(rows, golden("pooled_text"));
  assert.ok(error < 2e-3 && error > 1e-6, `f16 weights: ${error}`);
  half.dispose();
});

test("one set of weights serves both towers", async () => {
  const own = { ...model.config, textLayers: 2, videoLayers: 2, shared: true };
  const keys = [...videoClipParameters(own).keys()];
  assert.ok(keys.every((key) => key.startsWith("mm_encoder.")));
  const shared = VideoClip.random(5, { ...cpu, config: own });
  const dir = join(folder, "shared");
  await shared.save(dir);
  const again = await VideoClip.load(join(dir, "model.safetensors"), { ...cpu, config });
  assert.ok(again.config.shared, "the keys show that weights are shared");
  assert.equal((await again.encodeText(texts)).rows, (await shared.encodeText(texts)).rows);
  again.dispose();
  shared.dispose();
});

test("one set of weights for both towers gives the original's embeddings", async () => {
  const other = readFixture("test/fixtures/models/mmpt_shared.safetensors");
  const path = join(folder, "mmpt_shared.safetensors");
  writeSafetensors(path, weightsOf(other));
  const { heads, max_video_len: T, max_len, cls, sep, hidden, text_lengths, positions } = other.case.config;
  const sizes = { heads, maxVideoLength: T, maxTextLength: max_len - T - 3, clsId: cls, sepId: sep };
  const options = { ...cpu, config: { ...sizes, normalizeFeatures: false } };
  const shared = await VideoClip.load(path, options);
  const { shape, data } = makeInput(other, "words");
  const list = (text_lengths as number[]).map((n, i) => [...data.subarray(i * shape[1] + 2, i * shape[1] + 2 + n)]);
  const expected = other.tensors.get("pooled_text")!.data;
  assert.ok(relativeL2((await shared.encodeText(list)).data, expected) < 1e-6);
  for (const [i, ids] of list.entries()) {
    const alone = (await shared.encodeText([ids])).data;
    assert.ok(
      relativeL2(alone, expected.subarray(i * hidden, (i + 1) * hidden)) < 1e-6,
      "the same in any bucket of lengths",
    );
  }
  shared.dispose();
  // the positions of a text follow those of a video
  const most = { ...options, config: { ...options.config, maxTextLength: positions - T - 3 } };
  (await VideoClip.load(path, most)).dispose();
  most.config.maxTextLength++;
  await refused(() => VideoClip.load(path, most), /maxPositions: expected at least 65 .*shared/, InvalidArgumentError);
});

test("a folder with its weights in several files is read", async () => {
  const dir = join(folder, "spread");
  await model.save(dir);
  await spread(dir);
  const parts = await VideoClip.load(dir, cpu);
  assert.equal((await parts.encodeText(texts)).rows, (await model.encodeText(texts)).rows);
  parts.dispose();
});

test.after(() => {
  model.dispose();
  model.dispose();
});
test.run();
