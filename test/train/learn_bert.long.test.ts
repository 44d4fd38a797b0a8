// A tiny BERT learns a language of topics: a sentence is a span of its topic's cycle of words, and a document has one
// topic.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { compile } from "#lib/runtime/compile.js";
import { input, trace } from "#lib/graph/trace.js";
import { textConfig } from "#lib/models/text/text_config.js";
import {
  gatherTokens,
  maskedLanguageHead,
  nextSentenceHead,
  textEncoder,
  textPooler,
} from "#lib/models/text/text_heads.js";
import { Random } from "#lib/base/random.js";
import { accuracy } from "#lib/train/batches.js";
import { initializeParameters, parametersOfTask } from "#lib/train/initialize.js";
import { Optimizer, type OptimizerOptions } from "#lib/train/optimizer.js";
import type { Batch } from "#lib/train/task.js";
import { nextSentencePair } from "#lib/train/tasks/masked_language.js";
import { pretrainingBatch, pretrainingTask } from "#lib/train/tasks/pretraining.js";
import { Trainer } from "#lib/train/trainer.js";

const test = suite("Bert learns");
const TOPICS = 6;
const WORDS = 9;
const FIRST = 4;
const LENGTH = 19;

const config = textConfig({
  model_type: "bert",
  vocab_size: FIRST + TOPICS * WORDS,
  hidden_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  intermediate_size: 128,
  max_position_embeddings: 32,
});
const masking = {
  clsId: 1,
  sepId: 2,
  padId: 0,
  maskId: 3,
  special: [],
  vocabulary: config.vocabulary,
  length: LENGTH,
};

const sentence = (topic: number, random: Random): number[] => {
  const start = random.integer(0, WORDS - 1);
  return Array.from({ length: 8 }, (_, i) => FIRST + topic * WORDS + ((start + i) % WORDS));
};

function batch(stream: number, index: number, size: number): Batch {
  const random = new Random(8, stream, index);
  const documents = Array.from({ length: TOPICS }, (_, topic) =>
    Array.from({ length: 6 }, () => sentence(topic, random)),
  );
  const pairs = Array.from({ length: size }, () => nextSentencePair(documents, random));
  return pretrainingBatch(pairs, random, config, masking);
}

test("masked words and next sentences are predicted with an accuracy of at least 0.9", async () => {
  const device = createDevice({ device: "cpu", threads: 2 });
  const task = pretrainingTask(config);
  const optimizer: OptimizerOptions = { kind: "adamw", weightDecay: 0.01, maxNorm: 1 };
  initializeParameters(device.parameters, parametersOfTask(task, batch(1, 0, 2), new Optimizer(optimizer)), 4, "fan");
  const trainer = new Trainer({
    device,
    task,
    data: { batch: (index) => batch(1, index, 48) },
    optimizer,
    schedule: { kind: "linear", learningRate: 2e-3, warmup: 100, total: 850 },
    steps: 800,
    dropout: 0.05,
  });
  const losses: number[] = [];
  for await (const { loss } of trainer.run()) losses.push(loss);

  const held = batch(2, 0, 200);
  const { shape: rows } = held.inputs.ids;
  const graph = trace(() => {
    const hidden = textEncoder(
      { ids: input("ids", rows, "i32"), types: input("types", rows, "i32"), mask: input("mask", rows, "u8") },
      config,
    );
    const places = input("places", held.inputs.places.shape, "i32");
    return {
      words: maskedLanguageHead(gatherTokens(hidden, places), config),
      follows: nextSentenceHead(textPooler(hidden, config)),
    };
  });
  const program = compile(graph, device);
  const given = Object.fromEntries(Object.entries(held.inputs).map(([name, { data }]) => [name, data]));
  const { words, follows } = await program.run(given);
  const masked = accuracy(words, held.inputs.labels.data, config.vocabulary);
  const next = accuracy(follows, held.inputs.follows.data, 2);
  process.stdout.write(
    `loss ${losses[0].toFixed(3)} to ${losses.at(-1)!.toFixed(3)}, masked words ${masked.toFixed(3)}, next sentence ${next}\n`,
  );
  assert.ok(masked >= 0.9, `masked words ${masked}`);
  assert.ok(next >= 0.9, `next sentence ${next}`);
  trainer.dispose();
  device.dispose();
});

test.run();
