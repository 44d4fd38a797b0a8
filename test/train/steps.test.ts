// Fine-tuning on steps of long videos: losses equal plain arithmetic, classes are learned, and the head is saved.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureFolder } from "#lib/data/feature_folder.js";
import { Skips } from "#lib/data/skips.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { classifierParameters, loadClassifier, saveClassifier } from "#lib/models/videoclip/videoclip_classifier.js";
import { windowStarts } from "#lib/models/videoclip/videoclip_windows.js";
import { Random } from "#lib/base/random.js";
import { initializeParameters } from "#lib/train/initialize.js";
import { CoinSteps, CrossTaskSteps } from "#lib/train/step_data.js";
import { stepClassification, stepClassificationBatch, stepLocalisation, stepLocalisationBatch } from "#lib/train/tasks/steps.js"; // prettier-ignore
import type { Batch, Task } from "#lib/train/task.js";
import { Trainer } from "#lib/train/trainer.js";
import { npyBytes } from "#lib/weights/npy.js";
import { CONFIG, WIDTH } from "./small_pack.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("steps of long videos");
const scratch = temporaryFolder("steps");

const SECONDS = 15;
const T = CONFIG.maxVideoLength;
const random = new Random(3);
const data = Float32Array.from({ length: SECONDS * WIDTH }, () => random.normal());
const video = { data, shape: [SECONDS, WIDTH] as const };
const starts = windowStarts(SECONDS, T, 3);
const open = () => VideoClip.initialize({ config: CONFIG, device: "cpu", threads: 2, seed: 3 });

async function losses(model: VideoClip, task: Task, batch: (i: number) => Batch, steps: number, learningRate: number) {
  const trainer = new Trainer({
    device: model.device,
    task,
    data: { batch },
    optimizer: { kind: "adam" },
    schedule: { kind: "constant", learningRate },
    steps,
  });
  const found: number[] = [];
  for await (const { loss } of trainer.run()) found.push(loss);
  trainer.dispose();
  return found;
}

test("binary cross-entropy is the mean over the seconds of all windows and the steps, for any padding", async () => {
  const model = await open();
  const texts = [[5], [6, 7], [8, 9, 10]];
  const target = Uint8Array.from({ length: SECONDS * 3 }, (_, i) => (i % 4 === 0 ? 1 : 0));
  const loss = async (present: ArrayLike<number>) =>
    (
      await losses(
        model,
        stepLocalisation(model.config),
        () => stepLocalisationBatch(video, texts, present, starts, model.config),
        1,
        0,
      )
    )[0];
  // loss(t) = mean(softplus(x)) - mean(t x) is linear in the targets
  const zero = await loss(new Uint8Array(SECONDS * 3));
  const one = await loss(new Uint8Array(SECONDS * 3).fill(1));
  const some = await loss(target);
  const rest = await loss(target.map((t) => 1 - t));
  assert.ok(Math.abs(some + rest - zero - one) < 1e-5 * (zero + one));
  assert.ok(zero > 0 && one > 0 && some !== rest);
  // the same step four times without padding gives the mean of one step with three padded ones
  const again = async (count: number) => {
    const list = Array.from({ length: count }, () => texts[1]);
    const present = Uint8Array.from({ length: SECONDS * count }, (_, i) => (Math.floor(i / count) % 2 ? 1 : 0));
    const batch = stepLocalisationBatch(video, list, present, starts, model.config);
    return (await losses(model, stepLocalisation(model.config), () => batch, 1, 0))[0];
  };
  const [single, four] = [await again(1), await again(4)];
  assert.ok(Math.abs(single - four) < 1e-5 * four, `${single} and ${four}`);
  model.dispose();
});

test("classes of seconds are learned, padded windows and seconds are ignored, and the head is saved and loaded", async () => {
  const model = await open();
  const classes = 3;
  initializeParameters(model.device.parameters, classifierParameters(classes, CONFIG.hiddenSize), 1);
  // the feature of a second encodes its class
  const labels = Int32Array.from({ length: SECONDS }, (_, t) => t % classes);
  const written = { data: data.slice(), shape: video.shape };
  labels.forEach((label, t) => (written.data[t * WIDTH + label] = 8));
  const batch = stepClassificationBatch(written, labels, starts, model.config);
  assert.equal(batch.inputs.labels.shape, [4, T]);
  assert.is((batch.inputs.labels.data as Int32Array).filter((v) => v === -100).length, 4 * T - 6 - 6 - 6 - 6);
  const curve = await losses(model, stepClassification(model.config, classes), () => batch, 60, 0.01);
  assert.ok(Math.abs(curve[0] - Math.log(classes)) < 0.1, `${curve[0]}`);
  assert.ok(curve[59] < 0.1, `${curve[59]}`);
  await model.save(join(scratch, "model"));
  saveClassifier(join(scratch, "model"), model.device.parameters, classes, CONFIG.hiddenSize);
  const again = await VideoClip.load(join(scratch, "model"), { device: "cpu", threads: 1 });
  assert.is(await loadClassifier(join(scratch, "model"), again.device.parameters, CONFIG.hiddenSize), classes);
  assert.equal(again.device.parameters.get("video_encoder.classifier.weight"), model.device.parameters.get("video_encoder.classifier.weight")); // prettier-ignore
  rmSync(join(scratch, "model", "classifier.safetensors"));
  assert.is(await loadClassifier(join(scratch, "model"), again.device.parameters, CONFIG.hiddenSize), undefined);
  again.dispose();
  model.dispose();
});

test("datasets give the class and the steps of each second, and count videos without features", async () => {
  const model = await open();
  const folder = join(scratch, "features");
  mkdirSync(folder);
  writeFileSync(join(folder, "a.npy"), npyBytes(data, [SECONDS, WIDTH], "f32"));
  const bad = data.slice();
  bad[3] = NaN;
  writeFileSync(join(folder, "bad.npy"), npyBytes(bad, [SECONDS, WIDTH], "f32"));
  const skips = new Skips();
  const options = { features: new FeatureFolder(folder), config: model.config, step: 3, skips };
  const coin = (name: string) => ({
    video: name,
    subset: "training",
    duration: 15,
    task: 1,
    steps: [{ label: 2, text: "x", segment: [1.5, 3.2] as [number, number] }],
  });
  const steps = new CoinSteps([coin("a"), coin("b"), coin("bad")], options);
  assert.is(steps.examples, 2);
  for (const index of [0, 1]) {
    const { inputs } = steps.batch(index);
    assert.equal([...(inputs.labels.data as Int32Array).subarray(0, T)], [0, 2, 2, 2, 0, 0]);
  }
  assert.equal(skips.report().map(({ reason }) => reason), ["a video without features", "a video that cannot be used"]); // prettier-ignore
  const task = { id: "7", title: "soup", steps: ["cut", "stir"] };
  const cross = new CrossTaskSteps([{ video: "a", task, steps: [{ step: 2, start: 1.5, end: 3.2 }] }], options, () => [
    4, 5,
  ]);
  const { inputs } = cross.batch(0);
  assert.equal(inputs.targets.shape, [4, T, 4]);
  assert.equal([...(inputs.targets.data as Float32Array).subarray(0, 5 * 4)], [0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]); // prettier-ignore
  assert.throws(() => new CoinSteps([coin("b")], options), /none of the 1 videos has features/);
  const wrong = new CrossTaskSteps(
    [{ video: "a", task, steps: [{ step: 3, start: 0, end: 1 }] }],
    { ...options, skips: new Skips() },
    () => [4],
  );
  assert.throws(() => wrong.batch(0), /no video can be used: .*step 3 of task 7, which has 2 steps/);
  model.dispose();
});

test.run();
