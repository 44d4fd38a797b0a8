// VideoClip with a separate text model: BERT or MobileBERT, fully trained or frozen below a transformer.
import { copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { parametersOf } from "#lib/models/parameters.js";
import { textConfig } from "#lib/models/text/text_config.js";
import { TextModel } from "#lib/models/text/text_model.js";
import { textGraph } from "#lib/models/text/text_runner.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { VIDEOCLIP_LIGHT, type VideoClipConfig, videoClipConfig } from "#lib/models/videoclip/videoclip_config.js";
import { isFrozen, traceText, traceVideo } from "#lib/models/videoclip/videoclip_graph.js";
import { textInputs, videoInputs } from "#lib/models/videoclip/videoclip_input.js";
import { videoClipParameters } from "#lib/models/videoclip/videoclip_weights.js";
import { hashParameter, hashValues } from "#lib/nn/random_weights.js";
import { WordPieceTokenizer } from "#lib/text/wordpiece.js";
import { writeSafetensors } from "#lib/weights/safetensors.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { relativeL2 } from "../support/numbers.js";
import { videoclip } from "../support/command_line.js";
import { isError } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { stored } from "#lib/weights/tensor.js";

const test = suite("videoclip text models");
const root = temporaryFolder("text");

const cpu = { device: "cpu", threads: 2 } as const;
const vocabulary = "test/fixtures/tokenizer/vocab.txt";
const { size, cls, sep, pad } = WordPieceTokenizer.load(vocabulary);
const common = { hidden_size: 48, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 64 };
const sizes = { ...common, vocab_size: size, max_position_embeddings: 70 };
const TEXT_MODELS = {
  bert: { ...sizes, model_type: "bert" },
  mobilebert: { ...sizes, model_type: "mobilebert", embedding_size: 24, intra_bottleneck_size: 16 },
};
type Family = keyof typeof TEXT_MODELS;
const small = { heads: 4, intermediateSize: 64, videoLayers: 1, clsId: cls, sepId: sep, padId: pad, maxVideoLength: 5 };
const VARIANTS: Record<string, Partial<VideoClipConfig>> = {
  "bert, trained": { ...small, textModel: TEXT_MODELS.bert, featureSize: 512 },
  "mobilebert, trained": { ...small, textModel: TEXT_MODELS.mobilebert, featureSize: 2048 },
  "bert, frozen": {
    ...small,
    textModel: TEXT_MODELS.bert,
    frozenText: true,
    hiddenSize: 32,
    textLayers: 1,
    featureSize: 1024,
  },
  "mobilebert, frozen": {
    ...small,
    textModel: TEXT_MODELS.mobilebert,
    frozenText: true,
    hiddenSize: 32,
    textLayers: 2,
    featureSize: 7,
  },
};
const TEXTS = [
  "stir the soup",
  "a red circle moves to the left of the wings and then presses the edges again",
  "soup",
  "",
];

/** Writes a Hugging Face folder of a tiny text model. */
function writeFolder(family: Family): string {
  const folder = mkdtempSync(join(root, "text-"));
  writeFileSync(join(folder, "config.json"), JSON.stringify(TEXT_MODELS[family]));
  copyFileSync(vocabulary, join(folder, "vocab.txt"));
  const shapes = parametersOf(textGraph("pooled", textConfig(TEXT_MODELS[family]), [1, 1]));
  const tensors = new Map(
    [...shapes].map(([key, shape]) => [key, stored(shape, () => hashParameter("text/", key, shape), "f32")]),
  );
  writeSafetensors(join(folder, "model.safetensors"), tensors);
  return folder;
}

const features = (n: number, width: number) => ({
  data: hashValues("features/", `${n}`, n * width),
  shape: [n, width] as const,
});

for (const [name, config] of Object.entries(VARIANTS)) {
  test(`${name}: rows equal the float64 reference for every batch, bucket and number of threads`, async () => {
    const model = VideoClip.random(4, { ...cpu, config, tokenizer: vocabulary });
    const c = model.config;
    const dim = c.hiddenSize;
    const { rows, tokens } = await model.encodeText(TEXTS, { tokens: true });
    const videos = [features(2, c.featureSize), features(5, c.featureSize)];
    const seen = await model.encodeVideo(videos);
    const parameters = (key: string) => ({
      shape: videoClipParameters(c).get(key)!,
      data: Float64Array.from(model.device.parameters.get(key)),
    });
    for (const [i, text] of TEXTS.entries()) {
      const ids = WordPieceTokenizer.load(vocabulary).encode(text, { specialTokens: false }).ids;
      const inputs = textInputs([ids], 1, ids.length + 2, c);
      const exact = run64(traceText(c, 1, ids.length + 2, true), inputs, parameters);
      assert.ok(relativeL2(rows.subarray(i * dim, (i + 1) * dim), exact.pooled) < 2e-6, `text ${i}`);
      assert.ok(relativeL2(tokens![i], exact.tokens) < 2e-6);
    }
    videos.forEach((video, i) => {
      const inputs = videoInputs([video], [{ video: 0, start: 0, end: video.shape[0] }], 1, c);
      const exact = run64(traceVideo(c, 1, false), inputs, parameters);
      assert.ok(relativeL2(seen.rows.subarray(i * dim, (i + 1) * dim), exact.pooled) < 2e-6, `video ${i}`);
    });
    const order = [3, 1, 0, 1, 2];
    const other = VideoClip.random(4, { ...cpu, threads: 1, config, tokenizer: vocabulary });
    const mixed = await other.encodeText(order.map((i) => TEXTS[i]));
    order.forEach((from, to) =>
      assert.equal(mixed.rows.slice(to * dim, (to + 1) * dim), rows.slice(from * dim, (from + 1) * dim)),
    );
    other.dispose();
    const dir = mkdtempSync(join(root, "saved-"));
    await model.save(dir);
    const again = await VideoClip.load(dir, cpu);
    assert.equal(again.config, c);
    assert.equal((await again.encodeText(TEXTS)).rows, rows);
    assert.equal((await again.encodeVideo(videos)).rows, seen.rows);
    again.dispose();
    model.dispose();
  });
}

function run64(graph: Parameters<typeof evaluate64>[0], inputs: object, parameters: (key: string) => never | object) {
  const given = Object.fromEntries(
    [...graph.inputs].map(([name, { shape }]) => [
      name,
      { shape, data: Float64Array.from((inputs as Record<string, Float32Array>)[name]) },
    ]),
  );
  const out = evaluate64(graph, given as never, parameters as never) as unknown as Record<
    string,
    { data: Float64Array }
  >;
  return Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, data]));
}

for (const family of ["bert", "mobilebert"] as const) {
  test(`${family}: a pretrained model is the text tower or provides its tokens`, async () => {
    const folder = writeFolder(family);
    const text = await TextModel.load(folder, cpu);
    const own = await text.encodeTokens(TEXTS.slice(0, 3));
    const base = { ...cpu, preset: "videoclip-light", textModel: folder } as const;
    const whole = await VideoClip.initialize({ ...base, config: small });
    const { rows } = await whole.encodeText(TEXTS.slice(0, 3));
    own.forEach(({ states, encoding }, i) => {
      const n = encoding.ids.length - 1; // without [CLS]
      const mean = new Float64Array(48);
      for (let t = 1; t <= n; t++) for (let d = 0; d < 48; d++) mean[d] += states[t * 48 + d] / n;
      assert.ok(relativeL2(rows.subarray(i * 48, (i + 1) * 48), mean) < 1e-6);
    });
    assert.match(whole.weightsHash, new RegExp(`^initial:1:${text.weightsHash}$`));
    assert.not([...videoClipParameters(whole.config).keys()].some(isFrozen));
    const frozen = await VideoClip.initialize({
      ...base,
      seed: 2,
      config: { ...small, frozenText: true, hiddenSize: 32, textLayers: 1 },
    });
    const keys = [...videoClipParameters(frozen.config).keys()].filter(isFrozen);
    assert.ok(keys.length > 30);
    for (const key of keys) {
      const values = whole.device.parameters.get(key.replace("token_encoder.", "text_encoder."));
      assert.equal(frozen.device.parameters.get(key), values);
    }
    const linear = frozen.device.parameters.get("text_encoder.textmlp.linear1.weight");
    const deviation = Math.sqrt(linear.reduce((sum, v) => sum + v * v, 0) / linear.length);
    assert.ok(Math.abs(deviation - 0.02) < 1e-3, `${deviation}`);
    assert.ok(frozen.device.parameters.get("text_encoder.textmlp.LayerNorm.weight").every((v) => v === 1));
    for (const model of [text, whole, frozen]) model.dispose();
  });
}

test("the released architecture starts with BERT in both towers", async () => {
  const model = await VideoClip.initialize({
    ...cpu,
    textModel: writeFolder("bert"),
    config: { clsId: cls, sepId: sep, padId: pad },
  });
  const { hiddenSize, heads, textLayers, videoLayers, maxPositions } = model.config;
  assert.equal([hiddenSize, heads, textLayers, videoLayers, maxPositions], [48, 4, 2, 2, 70]);
  const get = (key: string) => model.device.parameters.get(key);
  for (const rest of ["embeddings.word_embeddings.weight", "encoder.layer.1.output.dense.bias"]) {
    assert.equal(get(`video_encoder.bert.${rest}`), get(`text_encoder.${rest}`));
    assert.ok(get(`text_encoder.${rest}`).some((v) => v !== 0));
  }
  assert.ok((await model.encodeText("stir the soup")).rows.every(Number.isFinite));
  model.dispose();
});

test("videoclip-light computes a score from a video and a text", async () => {
  const path = join(root, "video.mp4");
  await makeVideo(path, { width: 64, height: 48, rate: 10, seconds: 3 });
  const videoModel = { ...VIDEOCLIP_LIGHT.videoModel!, frames: 4, size: 32 };
  const config = { ...small, textModel: TEXT_MODELS.mobilebert, videoModel };
  const options = { ...cpu, preset: "videoclip-light", config, tokenizer: vocabulary, randomVideoWeights: 1 } as const;
  const model = VideoClip.random(1, options);
  const videos = await model.encodeVideo(path);
  assert.equal(videos.windows, [{ video: 0, start: 0, end: 3 }]);
  const { data: scores, shape } = await model.similarity(videos, await model.encodeText(TEXTS));
  assert.equal(shape, [1, TEXTS.length]);
  assert.ok(scores.every(Number.isFinite) && new Set(scores).size === TEXTS.length);
  model.dispose();
});

test("the command line has the presets", async () => {
  const light = JSON.parse(videoclip("inspect", "--model", "videoclip-light", "--json").stdout);
  assert.is(light.text.parameters, 24_581_888, "MobileBERT without its pooler");
  assert.is(light.video_model.parameters, 3_794_274, "X3D-S");
  const released = JSON.parse(videoclip("inspect", "--model", "videoclip", "--json").stdout);
  assert.is(released.video.parameters + released.text.parameters + 2 * 590_592, 177_423_360, "with BERT's poolers");
  assert.match(videoclip("inspect", "--model", "videoclip-light").stdout, /\nvideo: 14,187,520 parameters/);
  assert.is(videoclip("inspect", "--model", "videoclip", "--size", "160").status, 2);
  const model = VideoClip.random(1, { ...cpu, config: VARIANTS["mobilebert, trained"] });
  const dir = mkdtempSync(join(root, "inspected-"));
  await model.save(dir);
  const saved = JSON.parse(videoclip("inspect", dir, "--json").stdout);
  assert.is(saved.model, "videoclip: x3d-s features and mobilebert");
  assert.is(saved.tensors.length, videoClipParameters(model.config).size);
  model.dispose();
  assert.match(videoclip("inspect", writeFolder("bert")).stdout, /^recognised {2}bert$/m);
  const video = join(root, "extracted.mp4");
  await makeVideo(video, { width: 64, height: 48, rate: 10, seconds: 3 });
  const out = join(root, "features");
  const flags = ["--frames", "4", "--size", "32", "--random-weights", "1", "--device", "cpu", "--quiet", "--json"];
  const extracted = videoclip("extract", video, "--model", "videoclip-light", ...flags, "--out", out);
  assert.is(extracted.status, 0, extracted.stderr);
  const { clips } = extracted.lines().find(({ event }) => event === "summary");
  assert.is(clips, 3, "a clip every second");
});

test("inconsistent configurations are refused", () => {
  const refuse = (config: Partial<VideoClipConfig>, pattern: RegExp) => {
    assert.throws(() => videoClipConfig(config), isError("ERR_INVALID_ARGUMENT", pattern));
  };
  const textModel = TEXT_MODELS.bert;
  refuse({ ...small, textModel, hiddenSize: 64 }, /hiddenSize: expected 48, as textModel has, received 64/);
  refuse(
    { ...small, textModel, vocabularySize: 5, frozenText: true },
    /vocabularySize: expected \d+, as textModel has/,
  );
  refuse({ ...small, frozenText: true }, /textModel: expected a text encoder with frozenText/);
  refuse({ ...small, textModel, shared: true }, /textModel: expected null when shared/);
  refuse({ ...small, textModel, maxTextLength: 69 }, /maxTextLength: expected 1 to 68/);
  refuse({ ...small, textModel: { model_type: "gpt2" } }, /expected bert or mobilebert, received gpt2/);
  refuse({ ...small, textModel: 3 as never }, /textModel: expected an object or null, received 3/);
});

test.run();
