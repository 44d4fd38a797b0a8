// Tiny BERTs learn to classify texts, to tag words and to find answers, from the tokenizer to the loss.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { optimize } from "#lib/compile/passes/index.js";
import { compile } from "#lib/runtime/compile.js";
import type { Tensor } from "#lib/graph/tensor.js";
import { input, trace } from "#lib/graph/trace.js";
import { textConfig } from "#lib/models/text/text_config.js";
import { classifierHead, spanHead, textEncoder, textPooler } from "#lib/models/text/text_heads.js";
import { Random } from "#lib/base/random.js";
import { accuracy } from "#lib/train/batches.js";
import { initializeParameters, parametersOfTask } from "#lib/train/initialize.js";
import { Optimizer, type OptimizerOptions } from "#lib/train/optimizer.js";
import { type Batch, dtypeOf, type Task } from "#lib/train/task.js";
import { sequenceBatch, spanBatch, tokenBatch } from "#lib/train/tasks/text_batches.js";
import { sequenceClassification, spanSelection, tokenClassification } from "#lib/train/tasks/text_heads.js";
import { Trainer } from "#lib/train/trainer.js";
import { smallTokenizer } from "./small_tokenizer.js";

const test = suite("text heads learn");
const MOODS = ["glad", "sad", "calm"];
const FILLER = Array.from({ length: 12 }, (_, i) => `word${i}`);
const PLACES = ["kitchen", "garden", "cellar", "attic"];
const tokenizer = smallTokenizer([...MOODS, ...FILLER, ...PLACES, "where", "in", "the"]);
const LENGTH = 16;
const options = { padId: tokenizer.pad, length: LENGTH };
const config = textConfig({
  model_type: "bert",
  vocab_size: tokenizer.size,
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 64,
  max_position_embeddings: LENGTH,
  id2label: { 0: MOODS[0], 1: MOODS[1], 2: MOODS[2] },
});

/** Trains on stream 1 and returns the logits of a batch of stream 2. */
async function learn(
  task: Task,
  batch: (stream: number, index: number, size: number) => Batch,
  head: (inputs: Record<string, Tensor>) => Tensor,
  steps: number,
): Promise<{ held: Batch; logits: Float32Array }> {
  const device = createDevice({ device: "cpu", threads: 2 });
  const optimizer: OptimizerOptions = { kind: "adam", maxNorm: 5 };
  initializeParameters(device.parameters, parametersOfTask(task, batch(1, 0, 2), new Optimizer(optimizer)), 1, "fan");
  const trainer = new Trainer({
    device,
    task,
    data: { batch: (index) => batch(1, index, 32) },
    optimizer,
    schedule: { kind: "linear", learningRate: 2e-3, warmup: 10, total: steps + 20 },
    steps,
  });
  const losses: number[] = [];
  for await (const { loss } of trainer.run()) losses.push(loss);
  const held = batch(2, 0, 128);
  const graph = trace(() => {
    const inputs = Object.entries(held.inputs).map(([name, x]) => [name, input(name, x.shape, dtypeOf(x))] as const);
    return { logits: head(Object.fromEntries(inputs)) };
  });
  const arrays = Object.entries(held.inputs).map(([name, { data }]) => [name, data] as const);
  const { logits } = await compile(optimize(graph), device).run(Object.fromEntries(arrays));
  process.stdout.write(`loss ${losses[0].toFixed(3)} to ${losses.at(-1)!.toFixed(3)}\n`);
  trainer.dispose();
  device.dispose();
  return { held, logits };
}

const encoder = ({ ids, types, mask }: Record<string, Tensor>) => textEncoder({ ids, types, mask }, config);
const some = (random: Random, words: readonly string[], count: number) =>
  Array.from({ length: count }, () => words[random.integer(0, words.length - 1)]);

test("the mood of a text is classified by one word in it", async () => {
  const batch = (stream: number, index: number, size: number) =>
    sequenceBatch(
      Array.from({ length: size }, (_, i) => {
        const random = new Random(4, stream, index * size + i);
        const label = random.integer(0, MOODS.length - 1);
        const words = random.shuffle([MOODS[label], ...some(random, FILLER, random.integer(3, 9))]);
        return { text: tokenizer.encode(words.join(" ")), label };
      }),
      config,
      options,
    );
  const head = (inputs: Record<string, Tensor>) => classifierHead(textPooler(encoder(inputs), config), 3);
  const { held, logits } = await learn(sequenceClassification(config), batch, head, 80);
  const right = accuracy(logits, held.inputs.labels.data, 3);
  assert.ok(right >= 0.95, `right ${right}`);
});

test("words that follow a mood are tagged with it", async () => {
  const batch = (stream: number, index: number, size: number) =>
    tokenBatch(
      Array.from({ length: size }, (_, i) => {
        const random = new Random(5, stream, index * size + i);
        const words = some(random, [...FILLER, ...MOODS.slice(0, 2), ...MOODS.slice(0, 2), ...MOODS.slice(0, 2)], 10);
        let at = 0;
        const ranges = words.flatMap((word, w) => {
          const start = at;
          at += word.length + 1;
          const mood = w > 0 ? MOODS.indexOf(words[w - 1]) : -1;
          return mood < 0 ? [] : [{ start, end: start + word.length, label: 1 + mood }];
        });
        return { text: tokenizer.encode(words.join(" ")), ranges };
      }),
      config,
      options,
    );
  const head = (inputs: Record<string, Tensor>) => classifierHead(encoder(inputs), 3);
  const { held, logits } = await learn(tokenClassification(config), batch, head, 200);
  const right = accuracy(logits, held.inputs.labels.data, 3);
  assert.ok(right >= 0.95, `right ${right}`);
});

test('the answer to "where" is the words from "in" to a place', async () => {
  const batch = (stream: number, index: number, size: number) =>
    spanBatch(
      Array.from({ length: size }, (_, i) => {
        const random = new Random(6, stream, index * size + i);
        const answer = random.coin() ? `in the ${some(random, PLACES, 1)[0]}` : `in ${some(random, PLACES, 1)[0]}`;
        const before = some(random, FILLER, random.integer(0, 4)).join(" ");
        const context = `${before} ${answer} ${some(random, FILLER, 3).join(" ")}`.trim();
        const start = context.indexOf(answer);
        return { text: tokenizer.encode(["where", context]), answer: { start, end: start + answer.length } };
      }),
      config,
      options,
    );
  const { held, logits } = await learn(spanSelection(config), batch, (inputs) => spanHead(encoder(inputs)), 120);
  const N = held.examples;
  for (const [side, name] of ["starts", "ends"].entries()) {
    const own = Float32Array.from({ length: N * LENGTH }, (_, i) => logits[2 * i + side]);
    const right = accuracy(own, held.inputs[name].data, LENGTH);
    assert.ok(right >= 0.95, `${name}: right ${right}`);
  }
});

test.run();
