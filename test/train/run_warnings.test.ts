// A run says what its author may not want: a schedule beyond the run, changed keys, captions that became equal.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "#lib/base/random.js";
import { FeatureFolder } from "#lib/data/feature_folder.js";
import { packDataset } from "#lib/data/pack.js";
import { Skips } from "#lib/data/skips.js";
import { UnknownWords } from "#lib/text/unknown_words.js";
import { WordPieceTokenizer } from "#lib/text/wordpiece.js";
import { describeRecipe, type RecipePlan, runRecipe, type TrainConfig } from "#lib/train/index.js";
import { npyBytes } from "#lib/weights/npy.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { CONFIG, WIDTH } from "./small_pack.js";

const test = suite("warnings of a run");
const folder = temporaryFolder("warnings");

const VOCABULARY = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]", "a", "square", "red", "blue", "moves"];
writeFileSync(join(folder, "vocab.txt"), VOCABULARY.join("\n"));
const TEXTS = ["a pink square", "a brown square", "a red square", "a red square", "a lilac", "moves"];
for (let i = 0; i < TEXTS.length; i++) {
  const random = new Random(6, 0, i);
  const values = Float32Array.from({ length: 4 * WIDTH }, () => random.normal());
  writeFileSync(join(folder, `v${i}.npy`), npyBytes(values, [4, WIDTH], "f32"));
}
const writeTexts = (name: string, texts: readonly string[]) =>
  writeFileSync(join(folder, name), texts.map((text, i) => JSON.stringify({ features: `v${i}.npy`, text })).join("\n"));
writeTexts("pairs.jsonl", TEXTS);
writeTexts("known.jsonl", ["a red square", "a blue square", "a square moves", "a square", "red", "blue"]);

const config: TrainConfig = {
  task: "contrastive",
  out: "run",
  device: "cpu",
  threads: 1,
  model: { config: { ...CONFIG, padId: 0 }, tokenizer: "vocab.txt" },
  data: { train: "known.jsonl" },
  optimizer: { kind: "adam" },
  schedule: { kind: "constant", learningRate: 0.001 },
  steps: 4,
  batch: 3,
};
const warnings = async (set: Record<string, unknown>) => (await describeRecipe(config, { folder, set })).warnings;

/** Trains and returns the plan. */
async function train(set: Record<string, unknown>, resume = false): Promise<RecipePlan> {
  let plan: RecipePlan | undefined;
  const onStart = (given: RecipePlan) => void (plan = given);
  for await (const _ of runRecipe(config, { folder, set, resume, onStart }));
  return plan!;
}

test("a run without a reason has no warning", async () => {
  assert.equal(await warnings({}), []);
  assert.equal(await warnings({ schedule: { kind: "cosine", learningRate: 1, warmup: 2 } }), []);
  assert.equal(await warnings({ schedule: { kind: "linear", learningRate: 1, total: 4 } }), []);
});

test("a run that ends inside its warm-up says how far the learning rate comes", async () => {
  const schedule = { kind: "constant", learningRate: 0.001, warmup: 40 };
  const rises = "schedule.warmup is 40, and the run has 4 steps: the learning rate rises to 0.0001 of 0.001 only";
  assert.equal(await warnings({ schedule }), [rises]);
  assert.equal((await train({ out: "warm-up", schedule })).warnings, [rises]);
  const last = "schedule.warmup is 4, and the run has 4 steps: the learning rate reaches its height in the last step";
  assert.equal(await warnings({ "schedule.warmup": 4 }), [last]);
  const [noam] = await warnings({ schedule: { kind: "noam", hidden: 16, warmup: 16 } });
  assert.match(noam, "the learning rate rises to 0.0156 only");
});

test("a total that is not the length of the run is named, with the learning rate at the end", async () => {
  const schedule = { kind: "linear", learningRate: 1 };
  assert.equal(await warnings({ schedule: { ...schedule, total: 8 } }), [
    "schedule.total is 8, and the run has 4 steps: the learning rate ends at 0.5",
  ]);
  assert.equal(await warnings({ schedule: { kind: "polynomial", learningRate: 1, end: 0.25, total: 3 } }), [
    "schedule.total is 3, and the run has 4 steps: the learning rate has its final value, 0.25, from step 3 on",
  ]);
});

test("a resumed run names the keys that were changed, with both values", async () => {
  const first = await train({ out: "changed" });
  assert.equal([first.start, first.finished, first.warnings], [0, false, []]);
  const set = { out: "changed", steps: undefined, epochs: 3, "schedule.learningRate": 1, "optimizer.beta1": 0.5 };
  const expected = [
    "changed since the run was last started: optimizer.beta1 from nothing to 0.5; " +
      "schedule.learningRate from 0.001 to 1; steps from 4 to nothing; epochs from nothing to 3",
  ];
  assert.equal(
    (await describeRecipe(config, { folder, set, resume: true })).warnings.map(sorted),
    expected.map(sorted),
  );
  const plan = await train(set, true);
  assert.equal(plan.warnings.map(sorted), expected.map(sorted));
  assert.equal([plan.start, plan.steps, plan.finished], [4, 6, false]);
  const again = await train(set, true);
  assert.equal([again.start, again.finished, again.warnings], [6, true, []]);
  assert.match((await describeRecipe(config, { folder, set }).then((x) => x.warnings)).join(), "holds a run at step 6");
  writeFileSync(join(folder, "changed", "config.json"), "{");
  assert.match((await train({ ...set, epochs: 4 }, true)).warnings.join(), "config.json cannot be read");
});
const sorted = (text: string) => text.split(/: |; /).sort().join();

test("captions that became equal through unknown words are counted", async () => {
  const [warning, ...more] = await warnings({ "data.train": "pairs.jsonl" });
  assert.equal(more, []);
  assert.is(
    warning,
    'data.train: 2 texts became equal to others, such as "a pink square" and "a brown square": ' +
      '2 words are not in the vocabulary of the model: "pink", "brown"',
  );
  const [held] = await warnings({ "data.validation": "pairs.jsonl" });
  assert.match(held, "data.validation: 2 texts became equal");
  assert.is((await warnings({ "data.train": "pairs.jsonl", "data.validation": "pairs.jsonl" })).length, 1);
});

test("captions of a pack that became equal are counted", async () => {
  const tokenizer = WordPieceTokenizer.load(join(folder, "vocab.txt"));
  const unknownWords = new UnknownWords();
  const pack = async (name: string, texts: readonly string[]) => {
    await packDataset(
      (async function* () {
        for (const [i, text] of texts.entries()) {
          yield await Promise.resolve({ video: `v${i}`, captions: [{ start: 0, end: 4, text }] });
        }
      })(),
      join(folder, name),
      {
        features: new FeatureFolder(folder),
        tokenise: (list) =>
          list.map((text) => {
            const { ids, unknown } = tokenizer.encode(text, { specialTokens: false });
            unknownWords.add(unknown);
            return [...ids];
          }),
        unknownWords,
        source: { name },
        skips: new Skips(),
      },
    );
  };
  await pack("unknown", TEXTS);
  await pack("different", ["a pink square", "a brown", "red", "blue", "square", "square"]);
  const of = (captions: string) => warnings({ data: { captions } });
  assert.equal(await of("unknown"), [
    "data.captions: 2 captions have the word pieces of another and words that are not in the vocabulary of the model: they became equal",
  ]);
  assert.equal(await of("different"), []);
  const pairs = { pack: "unknown", pairsPerVideo: 1 };
  assert.match((await warnings({ data: pairs })).join(), "data.pack: 2 captions");
  await refused(warnings({ data: pairs, batch: 512 }), /^batch: expected at most 6: data\.pairsPerVideo, 1, of each/);
  await refused(warnings({ data: { captions: "unknown" }, batch: 512 }), /^batch: expected at most the 6 captions/);
});

test.run();
