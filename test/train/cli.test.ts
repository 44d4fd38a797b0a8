// The command videoclip train makes a small run from its file to a model that loads.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TextModel } from "#lib/models/text/text_model.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { Random } from "#lib/base/random.js";
import { readMetrics } from "#lib/train/metrics.js";
import { npyData, npyHeader } from "#lib/weights/npy.js";
import { videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("videoclip train");
const folder = temporaryFolder("train-cli");

const WIDTH = 8;
const config = {
  task: "contrastive",
  out: "run",
  device: "cpu",
  threads: 2,
  model: {
    config: {
      featureSize: WIDTH,
      hiddenSize: 16,
      heads: 2,
      intermediateSize: 32,
      videoLayers: 1,
      textLayers: 1,
      vocabularySize: 20,
      maxPositions: 16,
      maxVideoLength: 6,
      maxTextLength: 10,
      clsId: 1,
      sepId: 2,
    },
  },
  data: { train: "pairs.jsonl", validation: "pairs.jsonl" },
  optimizer: { kind: "adamw", weightDecay: 0.01, groups: [{ match: "bias$", weightDecay: 0 }] },
  schedule: { kind: "constant", learningRate: 0.01 },
  steps: 6,
  batch: 4,
  accumulate: 2,
  dropout: 0.1,
  evaluateEvery: 3,
  saveEvery: 2,
};

const lines = Array.from({ length: 12 }, (_, i) => {
  const random = new Random(4, 0, i);
  const rows = random.integer(2, 6);
  const values = Float32Array.from({ length: rows * WIDTH }, () => random.normal());
  writeFileSync(join(folder, `${i}.npy`), Buffer.concat([npyHeader([rows, WIDTH], "f32"), npyData(values, "f32")]));
  return JSON.stringify({ features: `${i}.npy`, text: [3 + i, 4 + i, 5] });
});
writeFileSync(join(folder, "pairs.jsonl"), `${lines.join("\n")}\n`);
writeFileSync(join(folder, "run.json"), JSON.stringify(config));

const run = (...args: string[]) => videoclip("train", "--config", join(folder, "run.json"), ...args);

test("--dry-run prints the plan and writes nothing", () => {
  const { status, stdout, stderr } = run("--dry-run", "--set", "steps=50");
  assert.is(status, 0, stderr);
  const plan = JSON.parse(stdout);
  assert.is(plan.steps, 50);
  assert.is(plan.examples, 12);
  assert.is(plan.epochs, (50 * 8) / 12);
  assert.ok(plan.parameters > 1000);
});

test("wrong configurations exit with 2", () => {
  const { status, stderr } = run("--set", "stps=5");
  assert.is(status, 2);
  assert.match(stderr, "stps: unknown key; did you mean steps?");
  assert.is(run("--set", "batch=100").status, 2);
});

test("a run is trained, resumed and plotted, and its model loads", async () => {
  const first = run("--json");
  assert.is(first.status, 0, first.stderr);
  const events = first.lines();
  assert.equal(
    events.map(({ step }) => step),
    [1, 2, 3, 4, 5, 6],
  );
  assert.ok(events[2].evaluation["R@1"] >= 0 && events[2].evaluation.queries === 12);
  assert.match(first.stderr, /^1\/6: epoch 0\.67\/4, .* ETA .* loss .* samples\/s$/m);
  assert.match(first.stderr, /^3\/6: .*; validation: loss .*, R@1 .* \(best\)$/m);
  const refused = run();
  assert.is(refused.status, 1, "a folder with a run is refused");
  assert.match(refused.stderr, "--resume on the command line");
  assert.match(run("--resume").stderr, /^the run is finished: 6 of 6 steps are done/m);
  const more = run("--resume", "--set", "steps=8", "--set", "schedule.warmup=9");
  assert.is(more.status, 0, more.stderr);
  assert.match(more.stderr, /^warning: schedule.warmup is 9, and the run has 8 steps/m);
  assert.match(
    more.stderr,
    /^warning: changed since the run .*: schedule.warmup from nothing to 9; steps from 6 to 8$/m,
  );
  assert.match(more.stderr, /^resumed: 6 of 8 steps are done/m);
  assert.is(readMetrics(join(folder, "run", "metrics.jsonl")).length, 8);
  const drawn = videoclip("plot", join(folder, "run"));
  assert.is(drawn.status, 0, drawn.stderr);
  assert.match(readFileSync(join(folder, "run", "curves.svg"), "utf8"), "evaluation.R@1");
  assert.is(readFileSync(join(folder, "run", "curves.png")).readUInt32BE(0), 0x89504e47);
  const model = await VideoClip.load(join(folder, "run", "model"), { device: "cpu", threads: 1 });
  const { rows } = await model.encodeText([[3, 4, 5]]);
  assert.ok(rows.every(Number.isFinite));
  model.dispose();
});

test("BERT is pre-trained from a text file to a model that loads", async () => {
  const words = "the cat sat on a mat while dogs ran home".split(" ");
  const sentence = (first: number) => words.map((_, i) => words[(first + i) % words.length]).join(" ");
  const documents = [0, 3, 6].map((first) => [0, 1, 2].map((i) => sentence(first + i)).join("\n"));
  writeFileSync(join(folder, "text.txt"), documents.join("\n\n"));
  const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...words];
  writeFileSync(join(folder, "vocab.txt"), `${vocabulary.join("\n")}\n`);
  const sizes = { hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32 };
  const bert = { model_type: "bert", vocab_size: vocabulary.length, max_position_embeddings: 32, ...sizes };
  const text = {
    task: "pretraining",
    out: "bert",
    device: "cpu",
    model: { config: bert, tokenizer: "vocab.txt" },
    data: { train: "text.txt", length: 24 },
    optimizer: { kind: "adamw" },
    schedule: { kind: "constant", learningRate: 0.01 },
    steps: 3,
    batch: 4,
  };
  writeFileSync(join(folder, "bert.json"), JSON.stringify(text));
  const { status, stderr } = videoclip("train", "--config", join(folder, "bert.json"));
  assert.is(status, 0, stderr);
  const [line] = readMetrics(join(folder, "bert", "metrics.jsonl"));
  assert.ok(Math.abs((line.loss as number) - (line.masked as number) - (line.next as number)) < 1e-5);
  const model = await TextModel.load(join(folder, "bert", "model"), { device: "cpu", threads: 1 });
  assert.ok([...model.heads].includes("mlm") && [...model.heads].includes("nsp"));
  model.dispose();
  const checkpoint = join(folder, "bert", "checkpoints", "step-00000003");
  (await TextModel.load(checkpoint, { device: "cpu", threads: 1 })).dispose();
});

test.run();
