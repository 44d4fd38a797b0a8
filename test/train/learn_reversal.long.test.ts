// A Transformer learns to reverse strings.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TRANSFORMER_BASE } from "#lib/models/transformer/transformer.js";
import { Transformer } from "#lib/models/transformer/transformer_model.js";
import { transformerParameters } from "#lib/models/transformer/transformer_weights.js";
import { Random } from "#lib/base/random.js";
import { initializeParameters } from "#lib/train/initialize.js";
import { translationBatch, translationTask, type TranslationPair } from "#lib/train/tasks/translation.js";
import { Trainer } from "#lib/train/trainer.js";

const test = suite("a Transformer learns");
const LETTERS = 12;
const FIRST = 3;

const config = {
  ...TRANSFORMER_BASE,
  width: 64,
  heads: 4,
  encoderLayers: 2,
  decoderLayers: 2,
  feedForward: 128,
  sourceVocabulary: FIRST + LETTERS,
  targetVocabulary: FIRST + LETTERS,
};

function pair(stream: number, index: number): TranslationPair {
  const random = new Random(5, stream, index);
  const source = Array.from({ length: random.integer(3, 9) }, () => FIRST + random.integer(0, LETTERS - 1));
  return { source, target: [...source].reverse() };
}

test("strings are reversed exactly in at least 95 % of the cases", async () => {
  const model = Transformer.random(1, { config, device: "cpu", threads: 2 });
  const parameters = [...transformerParameters(model.config)].map(([key, shape]) => ({ key, shape }));
  initializeParameters(model.device.parameters, parameters, 3, "fan");
  const size = 64;
  const trainer = new Trainer({
    device: model.device,
    task: translationTask(model.config, { smoothing: 0.1 }),
    data: {
      batch: (index) =>
        translationBatch(
          Array.from({ length: size }, (_, i) => pair(1, index * size + i)),
          model.config,
          10,
        ),
    },
    optimizer: { kind: "adam", beta2: 0.98, eps: 1e-9, maxNorm: 1 },
    schedule: { kind: "linear", learningRate: 2e-3, warmup: 100, total: 1000 },
    steps: 1000,
  });
  const losses: number[] = [];
  for await (const { loss } of trainer.run()) losses.push(loss);
  const held = Array.from({ length: 200 }, (_, i) => pair(2, i));
  const results = await model.generate(
    held.map(({ source }) => source),
    { beams: 1, maxLength: 12 },
  );
  const right = results.filter(([best], i) => best.ids.join() === held[i].target.join()).length / held.length;
  process.stdout.write(`loss ${losses[0].toFixed(3)} to ${losses.at(-1)!.toFixed(3)}, exact match ${right}\n`);
  assert.ok(right >= 0.95, `exact match ${right}`);
  trainer.dispose();
  model.dispose();
});

test.run();
