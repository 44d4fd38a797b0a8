// Training from a pack with retrieved hard negatives: plans, resuming, ablations.
import { existsSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Skips } from "#lib/data/skips.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { readMetrics } from "#lib/train/metrics.js";
import { PackedPairs, type PackedPairsOptions } from "#lib/train/packed_pairs.js";
import { contrastiveTask } from "#lib/train/tasks/contrastive.js";
import { Trainer } from "#lib/train/trainer.js";
import { CONFIG, smallPack, TOPICS } from "./small_pack.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("packed pairs");
const scratch = temporaryFolder("packed");
const VIDEOS = 24;
const pack = await smallPack(scratch, VIDEOS);

const open = () => VideoClip.initialize({ config: CONFIG, device: "cpu", threads: 2, seed: 3 });
const options = (model: VideoClip, change: Partial<PackedPairsOptions> = {}): PackedPairsOptions => ({
  model,
  pack,
  videosPerBatch: 4,
  pairsPerVideo: 2,
  seed: 5,
  ...change,
});

/** Trains to `steps` in a folder and returns the final parameters. */
async function train(folder: string, steps: number, resume: boolean, change: Partial<PackedPairsOptions> = {}) {
  const model = await open();
  const data = new PackedPairs(options(model, { folder, ...change }));
  const trainer = new Trainer({
    device: model.device,
    task: contrastiveTask(model.config),
    data,
    optimizer: { kind: "adam" },
    schedule: { kind: "constant", learningRate: 3e-3 },
    steps,
    dropout: 0.1,
    folder,
    resume,
  });
  for await (const _ of trainer.run());
  const { rows } = await model.encodeText([[4, 5, 6]]);
  await data.close();
  trainer.dispose();
  model.dispose();
  return [...rows];
}

test("a run that stopped within an epoch resumes to the same bits, with any number of workers", async () => {
  const whole = await train(join(scratch, "whole"), 14, false);
  await train(join(scratch, "parts"), 8, false, { workers: 2 });
  const parts = await train(join(scratch, "parts"), 14, true, { workers: 1 });
  assert.equal(parts, whole);
  const lines = readMetrics(join(scratch, "whole", "metrics.jsonl"));
  assert.equal(
    lines.map(({ epoch }) => epoch),
    [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2],
  );
  for (const step of [0, 6, 12]) {
    const { coverage, meanRepeats, mostRepeats } = lines[step] as Record<string, number>;
    assert.ok(coverage > 0.2 && coverage <= 1 && meanRepeats >= 1 && mostRepeats >= meanRepeats);
  }
  assert.is(lines[1].coverage, undefined);
  assert.ok(existsSync(join(scratch, "whole", "retrieval", "epoch-00002.safetensors")));
});

test("without its plan an epoch cannot be resumed, and the error says so", async () => {
  const folder = join(scratch, "lost");
  await train(folder, 3, false);
  rmSync(join(folder, "retrieval"), { recursive: true });
  try {
    await train(folder, 5, true);
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /epoch 0 cannot be resumed without the retrieval plan/);
  }
});

/** The share of the pairs of an epoch whose topic is the most frequent one of their batch. */
async function alike(model: VideoClip, retrieval: PackedPairsOptions["retrieval"]): Promise<number> {
  const data = new PackedPairs(options(model, { retrieval }));
  let share = 0;
  for (let i = 0; i < data.batchesPerEpoch; i++) {
    const { inputs } = await data.batch(i);
    const counts = new Array<number>(TOPICS).fill(0);
    const ids = inputs.ids.data as Int32Array;
    const S = inputs.ids.shape[1];
    for (let row = 0; row < inputs.ids.shape[0]; row++) counts[Math.floor((ids[row * S + 1] - 4) / 8)]++;
    share += Math.max(...counts) / inputs.ids.shape[0] / data.batchesPerEpoch;
  }
  await data.close();
  return share;
}

test("retrieval brings videos of a topic together, and its ablations do not", async () => {
  const model = await open();
  const shares = {
    none: await alike(model, false),
    two: await alike(model, {}),
    direct: await alike(model, { candidates: 4 }),
    first: await alike(model, { embedding: "first", metric: "dot" }),
  };
  console.log(`pairs of their batch's commonest topic: ${JSON.stringify(shares)}`);
  assert.ok(shares.two > shares.none + 0.2, "2k");
  assert.ok(shares.direct > shares.none + 0.2, "k");
  assert.ok(shares.first > shares.none, "first");
  model.dispose();
});

test("a plan is reused for the same model, and made again for another model", async () => {
  const folder = join(scratch, "again");
  const model = await open();
  const first = async () => {
    const data = new PackedPairs(options(model, { folder }));
    const batch = await data.batch(0);
    await data.close();
    return batch;
  };
  const path = join(folder, "retrieval", "epoch-00000.safetensors");
  const batch = await first();
  const written = statSync(path).mtimeMs;
  assert.equal(await first(), batch);
  assert.is(statSync(path).mtimeMs, written);
  const key = "text_encoder.embeddings.word_embeddings.weight";
  model.device.parameters.set(key, [40, 16], model.device.parameters.get(key).map((v) => -v)); // prettier-ignore
  await first();
  assert.ok(statSync(path).mtimeMs > written);
  model.dispose();
});

test("unusable videos are counted once and never planned", async () => {
  const broken = await smallPack(join(scratch, "broken"), VIDEOS, [2, 7]);
  const model = await open();
  const skips = new Skips(2);
  const data = new PackedPairs(options(model, { pack: broken, skips }));
  for (let i = 0; i < 2 * data.batchesPerEpoch; i++) {
    const { examples, inputs } = await data.batch(i);
    assert.is(examples, 8);
    assert.ok((inputs.features.data as Float32Array).every(Number.isFinite));
  }
  assert.equal(skips.report().map(({ reason, count }) => [reason, count]), [["a video that cannot be sampled", 2]]); // prettier-ignore
  await data.close();
  model.dispose();
});

test("inconsistent options are refused, and an abort ends the embedding of videos", async () => {
  const model = await open();
  assert.throws(
    () => new PackedPairs(options(model, { videosPerBatch: 25 })),
    /videosPerBatch: expected at most the 24/,
  );
  assert.throws(
    () => new PackedPairs(options(model, { sampling: { videoSeconds: [3, 7] } })),
    /sampling: expected at most 10 tokens and 6 s/,
  );
  const wide = VideoClip.random(1, { config: { ...CONFIG, featureSize: 9 }, device: "cpu" });
  assert.throws(() => new PackedPairs(options(wide)), /pack: expected features of width 9/);
  wide.dispose();
  const data = new PackedPairs(options(model));
  const controller = new AbortController();
  controller.abort(new Error("enough"));
  try {
    await data.batch(0, { signal: controller.signal });
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, "enough");
  }
  await data.close();
  model.dispose();
});

test.run();
