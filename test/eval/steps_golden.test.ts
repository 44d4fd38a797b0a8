// Steps of long videos through the public classes: fine-tuned checkpoints give the original's logits of every second.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WindowEncoder } from "#lib/eval/window_encoder.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { loadClassifier } from "#lib/models/videoclip/videoclip_classifier.js";
import { writeSafetensors } from "#lib/weights/index.js";
import { makeInput, makeState, readFixture } from "../../scripts/fixtures/case.js";
import { relativeL2 } from "../support/numbers.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { stored } from "#lib/weights/tensor.js";

const test = suite("steps of the original");
const folder = temporaryFolder("steps");

/** The model of a fixture, opened from a checkpoint file with its state. */
async function open(name: string) {
  const fixture = readFixture(`test/fixtures/models/${name}.safetensors`);
  const path = join(folder, `${name}.safetensors`);
  writeSafetensors(
    path,
    new Map([...makeState(fixture)].map(([key, { shape, data }]) => [key, stored(shape, () => data, "f32")])),
  );
  const k = fixture.case.config;
  const lengths = { maxVideoLength: k.max_video_len, maxTextLength: k.max_len - k.max_video_len - 3 };
  const config = { heads: k.heads, ...lengths, clsId: k.cls, sepId: k.sep, normalizeFeatures: false };
  const model = await VideoClip.load(path, { device: "cpu", threads: 1, config });
  const { data } = makeInput(fixture, "features");
  const expected = fixture.tensors.get("seconds_logits")!.data;
  return { fixture, path, model, k, video: { data, shape: [k.seconds, k.features] as const }, expected };
}

test("COIN: the checkpoint's classifier, averaged over windows, gives the original's logits", async () => {
  const { path, model, k, video, expected } = await open("mmpt_coin");
  const classes = await loadClassifier(path, model.device.parameters, model.config.hiddenSize);
  assert.is(classes, k.classes);
  const encoder = new WindowEncoder(model, classes);
  assert.ok(relativeL2(await encoder.seconds(video, k.window_step), expected) < 1e-6);
  encoder.dispose();
  model.dispose();
});

test("CrossTask: dot products with the texts of the steps give the original's logits", async () => {
  const { fixture, model, k, video, expected } = await open("mmpt_crosstask");
  const words = makeInput(fixture, "words");
  const texts = (k.step_texts as number[]).map((n, i) => [
    ...words.data.subarray(i * words.shape[1] + 2, i * words.shape[1] + 2 + n),
  ]);
  const encoder = new WindowEncoder(model);
  const tokens = await encoder.seconds(video, k.window_step);
  const { data } = await model.similarity(tokens, await model.encodeText(texts));
  assert.ok(relativeL2(data, expected) < 1e-6);
  encoder.dispose();
  model.dispose();
});

test.run();
