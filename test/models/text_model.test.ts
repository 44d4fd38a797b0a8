// BERT and MobileBERT from Hugging Face folders: published and legacy keys, heads, independence of padding and batches.
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError, WeightsError } from "#lib/base/errors.js";
import { textConfig } from "#lib/models/text/text_config.js";
import { loadTextModel, TextModel, type TextModelOptions } from "#lib/models/text/text_model.js";
import { bucketOf } from "#lib/models/buckets.js";
import { textGraph, type TextTask } from "#lib/models/text/text_runner.js";
import { parametersOf } from "#lib/models/parameters.js";
import { hashParameter } from "#lib/nn/random_weights.js";
import { WordPieceTokenizer } from "#lib/text/wordpiece.js";
import { readFloats } from "#lib/weights/float_values.js";
import { openWeights } from "#lib/weights/index.js";
import { writeSafetensors } from "#lib/weights/safetensors.js";
import { spread } from "./shards.js";
import { HalfTensor, type PickleValue, writeTorchFile } from "./torch_file.js";
import { refused, rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { stored } from "#lib/weights/tensor.js";

const test = suite("text models");
const root = temporaryFolder("text");

const common = { hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 96 };
const sizes = { ...common, vocab_size: 410, max_position_embeddings: 80 };
const CONFIGS = {
  bert: { ...sizes, model_type: "bert" },
  mobilebert: { ...sizes, model_type: "mobilebert", embedding_size: 24, intra_bottleneck_size: 32 },
};
type Family = keyof typeof CONFIGS;
const families = Object.keys(CONFIGS) as Family[];

function makeFolder(fields: object): string {
  const path = mkdtempSync(join(root, "model-"));
  writeFileSync(join(path, "config.json"), JSON.stringify(fields));
  copyFileSync("test/fixtures/tokenizer/tokenizer.json", join(path, "tokenizer.json"));
  return path;
}

/** Writes the published parameters of these tasks, with keys changed by `rename`. */
function writeModel(family: Family, tasks: TextTask[], rename = (key: string) => key, fields: object = {}): string {
  const all = { ...CONFIGS[family], ...fields };
  const folder = makeFolder(all);
  const config = textConfig(all);
  const needed = new Map(tasks.flatMap((task) => [...parametersOf(textGraph(task, config, [1, 1]))]));
  const tensors = new Map(
    [...needed].map(([key, shape]) => [rename(key), stored(shape, () => hashParameter("", key, shape), "f32")]),
  );
  const ids = { dtype: "I64" as const, shape: [1, 80], read: () => new Uint8Array(640) };
  tensors.set(`${family}.embeddings.position_ids`, ids as never);
  writeSafetensors(join(folder, "model.safetensors"), tensors);
  return folder;
}

const load = (folder: string, options: TextModelOptions = {}) =>
  TextModel.load(folder, { device: "cpu", threads: 2, ...options });

const TEXTS = [
  "stir the soup",
  "a red circle moves to the left of the wings",
  "press the edges and unfold the wings, then press the edges again and stir",
  "soup",
];

for (const family of families) {
  test(`${family}: a result has the same bits for every bucket, batch and order`, async () => {
    const model = await load(makeFolder(CONFIGS[family]), { randomWeights: 5 });
    const one = await load(makeFolder(CONFIGS[family]), { randomWeights: 5, threads: 1 });
    try {
      const all = await model.encodeTokens(TEXTS);
      for (const output of ["mean", "cls", "pooled"] as const) {
        const { data: rows, shape } = await model.encode(TEXTS, { output });
        assert.equal(shape, [TEXTS.length, 64]);
        const row = (from: Float32Array, i: number) => from.slice(i * 64, (i + 1) * 64);
        assert.not.equal(row(rows, 0), row(rows, 1));
        for (const minimum of [1, 17, 33, 65, 80]) {
          const order = [2, 0, 3, 1, 0];
          const { data: again } = await one.encode(
            order.map((i) => TEXTS[i]),
            { output, minimum },
          );
          order.forEach((from, to) => assert.equal(row(again, to), row(rows, from), `${output} ${minimum}`));
        }
      }
      for (const [i, text] of TEXTS.entries()) {
        const [{ encoding, states }] = await model.encodeTokens([text], { minimum: 40 });
        assert.is(states.length, encoding.ids.length * 64);
        assert.equal(states, all[i].states);
      }
      const masked = "stir [MASK] soup and [MASK] the wings";
      assert.equal(await model.fillMask(masked, { minimum: 50 }), await one.fillMask(masked));
      assert.equal(await model.nextSentence("a", "b", { minimum: 70 }), await one.nextSentence("a", "b"));
    } finally {
      model.dispose();
      one.dispose();
    }
  });

  test(`${family}: legacy keys load as the same model`, async () => {
    const tasks: TextTask[] = ["pooled", "mlm", "nsp"];
    const legacy = (key: string) =>
      key
        .replace(`${family}.`, "")
        .replace("LayerNorm.weight", "LayerNorm.gamma")
        .replace("LayerNorm.bias", "LayerNorm.beta")
        .replace("cls.predictions.bias", "cls.predictions.decoder.bias");
    const models = await Promise.all([load(writeModel(family, tasks)), load(writeModel(family, tasks, legacy))]);
    try {
      const [a, b] = await Promise.all(models.map((model) => model.encode(TEXTS, { output: "pooled" })));
      assert.equal(a, b);
      const [m, n] = await Promise.all(models.map((model) => model.fillMask("the [MASK]")));
      assert.equal(m, n);
      assert.equal([...models[1].heads].sort(), ["mlm", "nsp", "pooled"]);
    } finally {
      models.forEach((model) => model.dispose());
    }
  });

  test(`${family}: each kind of file has its heads`, async () => {
    const id2label = { 0: "video", 1: "text" };
    const classifier = await load(writeModel(family, ["classes"], undefined, { id2label }));
    const scores = await classifier.classify("stir the soup");
    assert.equal(scores.map(({ label }) => label).sort(), ["text", "video"]);
    assert.ok(Math.abs(scores[0].score + scores[1].score - 1) < 1e-12 && scores[0].score > scores[1].score);
    assert.is((await classifier.classify("stir", { topK: 1 })).length, 1);
    let message = "";
    await classifier.fillMask("[MASK]").catch((error) => {
      message = `${error instanceof WeightsError} ${error.message}`;
    });
    assert.match(message, /true .*BertForMaskedLM/);
    classifier.dispose();

    const architectures = ["XForTokenClassification"];
    const tagger = await load(writeModel(family, ["tags"], undefined, { id2label, architectures }));
    const tags = await tagger.classifyTokens("stir the soup");
    assert.equal(
      tags.map(({ token, start, end }) => [token, start, end]),
      [
        ["stir", 0, 4],
        ["the", 5, 8],
        ["soup", 9, 13],
      ],
    );
    tagger.dispose();
  });

  test(`${family}: answers are spans of the context, also if it is read in windows`, async () => {
    const model = await load(writeModel(family, ["span"]));
    const context = "press the edges and unfold the wings . ".repeat(12);
    const whole = "the soup is stirred and the wings are pressed";
    for (const [text, options] of [
      [whole, {}],
      [context, { overlap: 8 }],
      [context, { maxAnswerTokens: 1 }],
    ] as const) {
      const { answer, score, start, end } = await model.answer("what is stirred?", text, options);
      assert.is(answer, text.slice(start, end));
      assert.ok(answer.length > 0 && score > 0 && score <= 1);
    }
    const refusedAnswer = async (question: string, text: string) =>
      assert.instance(await rejection(model.answer(question, text)), InvalidArgumentError);
    await refusedAnswer("what?", " ");
    await refusedAnswer("soup ".repeat(80), whole);
    model.dispose();
  });
}

test("pytorch_model.bin is read if model.safetensors is missing, also in half precision", async () => {
  const folder = writeModel("mobilebert", ["pooled"]);
  const whole = await load(folder);
  const { tensors, close } = await openWeights(join(folder, "model.safetensors"));
  const state = new Map<string, PickleValue>();
  for (const [key, tensor] of tensors) {
    if (tensor.dtype === "F32") state.set(key, new HalfTensor(tensor.shape, await readFloats(tensor)));
  }
  close();
  rmSync(join(folder, "model.safetensors"));
  writeTorchFile(join(folder, "pytorch_model.bin"), state);
  const half = await load(folder);
  const [{ data: a }, { data: b }] = [await whole.encode(TEXTS), await half.encode(TEXTS)];
  const norm = (values: Float32Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
  const error = norm(a.map((v, i) => v - b[i])) / norm(a);
  assert.ok(error < 5e-3 && error > 1e-6, `${error}`);
  whole.dispose();
  half.dispose();
});

test("weights in several files are loaded", async () => {
  const folder = writeModel("bert", ["pooled"]);
  const whole = await load(folder);
  await spread(folder);
  const parts = await load(folder);
  assert.equal(await parts.encode(TEXTS), await whole.encode(TEXTS));
  assert.not.equal(parts.weightsHash, whole.weightsHash);
  whole.dispose();
  parts.dispose();
});

test("a model can be given without a folder, and the deprecated name works", async () => {
  const folder = makeFolder(CONFIGS.bert);
  const loaded = await loadTextModel(folder, { device: "cpu", threads: 2, randomWeights: 5 });
  const options = { config: CONFIGS.bert, device: loaded.device };
  const random = TextModel.random(5, { ...options, tokenizer: loaded.tokenizer });
  assert.is(random.device.isGpu, false);
  assert.equal(await random.encode(TEXTS), await loaded.encode(TEXTS));
  assert.is(random.weightsHash, "random:5");
  random[Symbol.dispose]();
  assert.throws(() => TextModel.random(5, { ...options, tokenizer: folder, maxLength: 1 }), /maxLength: expected 3 to/);
  loaded.dispose();
});

test("each mask has a list of tokens, best first, with the resulting text", async () => {
  const model = await load(makeFolder(CONFIGS.bert), { randomWeights: 2 });
  const lists = await model.fillMask("stir [MASK] soup [MASK]", { topK: 3 });
  assert.equal(
    lists.map((list) => list.length),
    [3, 3],
  );
  for (const [a, b] of [lists[0].slice(0, 2), lists[1].slice(0, 2)]) assert.ok(a.score >= b.score && a.score < 1);
  assert.is(lists[1][0].text, `stir [MASK] soup ${model.tokenizer.decode([lists[1][0].id])}`);
  let error: unknown;
  await model.fillMask("stir the soup").catch((reason) => {
    error = reason;
  });
  assert.instance(error, InvalidArgumentError);
  model.dispose();
});

test("texts that are too long are refused, or shortened on request", async () => {
  const long = "stir ".repeat(100);
  const strict = await load(makeFolder(CONFIGS.bert), { randomWeights: 2 });
  let message = "";
  await strict.encode([long]).catch((error) => {
    message = error.message;
  });
  assert.match(message, /102 tokens where the model takes 80.*truncate/);
  strict.dispose();
  const lenient = await load(makeFolder(CONFIGS.bert), { randomWeights: 2, truncate: true, maxLength: 20 });
  assert.equal(await lenient.encode([long]), await lenient.encode(["stir ".repeat(18)]));
  assert.equal((await lenient.encode([])).shape, [0, 64]);
  lenient.dispose();
});

test("lengths are rounded up to buckets", () => {
  assert.equal(
    [1, 16, 17, 33, 65, 97, 129, 300].map((n) => bucketOf(n, 512)),
    [16, 16, 32, 64, 96, 128, 256, 512],
  );
  assert.equal([bucketOf(3, 10), bucketOf(70, 80), bucketOf(600, 1024)], [10, 80, 768]);
});

test("inconsistent folders are refused", async () => {
  const refuse = (folder: string, pattern: RegExp) => refused(load(folder), pattern);
  await refuse(join(root, "none"), /no such folder/);
  await refuse(makeFolder(CONFIGS.bert), /expected model.safetensors or pytorch_model.bin/);
  await refuse(makeFolder({ ...CONFIGS.bert, model_type: "gpt2" }), /expected bert or mobilebert, received gpt2/);
  await refuse(makeFolder({ ...CONFIGS.bert, num_attention_heads: 5 }), /a divisor of 64, received 5/);
  await refuse(makeFolder({ ...CONFIGS.bert, vocab_size: 100 }), /do not belong together/);
  await refuse(makeFolder({ ...CONFIGS.bert, hidden_act: "mish" }), /hidden_act/);
  const drop = (key: string) => (key.includes("layer.1.output.dense.bias") ? `${key}x` : key);
  await refuse(writeModel("bert", ["tokens"], drop), /1 missing: bert.encoder.layer.1.output.dense.bias/);
});

test("words without pieces in the tokenizer are reported", async () => {
  const tiny = {
    model_type: "bert",
    hidden_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    intermediate_size: 8,
  };
  const tokenizer = "test/fixtures/tokenizer/vocab.txt";
  const { size } = WordPieceTokenizer.load(tokenizer);
  const config = { ...tiny, vocab_size: size, max_position_embeddings: 32 };
  const model = TextModel.random(1, { config, tokenizer, device: "cpu", threads: 1 });
  assert.equal((await model.encode(["stir", "stir 🍜", "the soup"])).unknown, [{ text: 1, words: ["🍜"] }]);
  model.dispose();
});

test.run();
