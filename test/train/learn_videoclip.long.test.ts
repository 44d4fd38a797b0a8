// A small VideoCLIP learns: videos show things in some order and texts name them; held-out pairs are new sets of
// things.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { retrievalMetrics } from "#lib/eval/retrieval.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { Random } from "#lib/base/random.js";
import { contrastiveBatch, contrastiveTask, type VideoTextPair } from "#lib/train/tasks/contrastive.js";
import { Trainer } from "#lib/train/trainer.js";

const test = suite("VideoCLIP learns");
const THINGS = 40;
const SHOWN = 5;
const WIDTH = 32;
const SECONDS = 10;
const FIRST_WORD = 3;

const config = {
  featureSize: WIDTH,
  hiddenSize: 64,
  heads: 4,
  intermediateSize: 128,
  videoLayers: 2,
  textLayers: 2,
  vocabularySize: FIRST_WORD + THINGS,
  maxPositions: 32,
  maxVideoLength: SECONDS,
  maxTextLength: 14,
  padId: 0,
  clsId: 1,
  sepId: 2,
};

const look = Array.from({ length: THINGS }, (_, thing) => {
  const random = new Random(11, 1, thing);
  return Array.from({ length: WIDTH }, () => random.normal());
});

/** Pair number `index` of a stream: five things, two seconds each with noise, and their words in another order. */
function pair(stream: number, index: number): VideoTextPair {
  const random = new Random(11, stream, index);
  const things = random.sample(
    look.map((_, thing) => thing),
    SHOWN,
  );
  const data = Float32Array.from({ length: SECONDS * WIDTH }, (_, i) => {
    const second = Math.floor(i / WIDTH);
    return look[things[Math.floor((second * SHOWN) / SECONDS)]][i % WIDTH] + 0.5 * random.normal();
  });
  return {
    video: { data, shape: [SECONDS, WIDTH] },
    text: random.shuffle(things).map((thing) => FIRST_WORD + thing),
  };
}

test("held-out pairs find each other: R@1 is at least 0.9 of 256", async () => {
  const model = await VideoClip.initialize({ config, device: "cpu", threads: 2, seed: 2 });
  const size = 64;
  const trainer = new Trainer({
    device: model.device,
    task: contrastiveTask(model.config),
    data: {
      batch: (index) =>
        contrastiveBatch(
          Array.from({ length: size }, (_, i) => pair(2, index * size + i)),
          model.config,
        ),
    },
    optimizer: { kind: "adam", beta2: 0.98, maxNorm: 2 },
    schedule: { kind: "linear", learningRate: 1e-3, warmup: 30, total: 400 },
    steps: 300,
  });
  const held = Array.from({ length: 256 }, (_, i) => pair(3, i));
  const recall = async () => {
    const videos = await model.encodeVideo(held.map(({ video }) => video));
    const texts = await model.encodeText(held.map(({ text }) => text));
    return retrievalMetrics((await model.similarity(videos, texts)).data, [256, 256])["R@1"];
  };
  const before = await recall();
  assert.ok(before < 0.05, `R@1 of random weights: ${before}`);
  const losses: number[] = [];
  for await (const { loss } of trainer.run()) losses.push(loss);
  const after = await recall();
  process.stdout.write(`loss ${losses[0].toFixed(3)} to ${losses.at(-1)!.toFixed(3)}, R@1 ${before} to ${after}\n`);
  assert.ok(after >= 0.9, `R@1 ${after}`);
  trainer.dispose();
  model.dispose();
});

test.run();
