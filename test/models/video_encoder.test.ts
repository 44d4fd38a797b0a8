// VideoEncoder: inputs and outputs, presets, devices, disposal.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice } from "#lib/runtime/device.js";
import { loadVideoEncoder, VideoEncoder } from "#lib/models/video/video_encoder.js";
import { presetOf as modelPreset, videoModelNamed } from "#lib/models/video/video_model_of.js";
import { VIDEO_MODEL_NAMES } from "#lib/models/video/video_models.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { videoEncoderToOnnx } from "#lib/models/video/video_encoder_onnx.js";
import { resolvePreset } from "#lib/video/presets.js";
import { refused as refusedAs } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("video encoder");
const folder = temporaryFolder("encoder");
const device = createDevice({ device: "cpu", threads: 2 });
test.after(() => device.dispose());

const tiny = { model: "s3d-tiny", preset: { frames: 4, size: 16 }, device } as const;
const bytes = 4 * 16 * 16 * 3;
const clips = Uint8Array.from(hashValues("encoder/", "clips", 5 * bytes), (v) => (v + 1) * 127);
const clip = (i: number) => clips.subarray(i * bytes, (i + 1) * bytes);
const list = [0, 1, 2, 3, 4].map(clip);

const refused = (work: () => unknown, message: RegExp, code = "ERR_INVALID_ARGUMENT") => refusedAs(work, message, code);

test("clips can be bytes, a list of arrays or clip objects, in any number", async () => {
  const encoder = VideoEncoder.random(1, { ...tiny, batch: 2 });
  const { data, shape } = await encoder.encode(clips);
  assert.equal(shape, [5, 256]);
  assert.is(data.length, 5 * 256);
  assert.not.equal(data.slice(0, 256), data.slice(256, 512));
  const shared = list.map((frames) => {
    const copy = new Uint8Array(new SharedArrayBuffer(bytes));
    copy.set(frames);
    return copy;
  });
  const whole = list.map((frames, index) => ({ index, start: 0, end: 1, frames, paddedFrames: 0 }));
  const clamped = list.map((frames) => Uint8ClampedArray.from(frames));
  const buffers = list.map((frames) => Buffer.from(frames));
  const foreign = list.map((frames) => runInNewContext("Uint8Array.from(frames)", { frames }) as Uint8Array);
  for (const given of [list, shared, whole, clamped, buffers, foreign, [shared[0], whole[1], ...list.slice(2)]]) {
    assert.equal((await encoder.encode(given)).data, data);
  }
  assert.equal((await encoder.encode(clips, 5)).data, data, "the deprecated argument `count`");
  assert.equal((await encoder.encode(list[3])).data, data.slice(3 * 256, 4 * 256));
  assert.equal(await encoder.encode([]), { data: new Float32Array(0), shape: [0, 256] });
  encoder.dispose();
});

test("clips of the wrong size or type are refused", async () => {
  const encoder = VideoEncoder.random(1, tiny);
  await refused(
    () => encoder.encode(clips.subarray(1)),
    /any number of clips of 3072 bytes \[4, 16, 16, 3\].*received 15359/,
  );
  await refused(() => encoder.encode([clip(0), clip(1).subarray(1)]), /received 3071 bytes at 1/);
  await refused(() => encoder.encode(clips, 4), /expected 4 clips.*received 5/);
  await refused(() => encoder.encode("clips" as never), /received "clips"/);
  await refused(() => encoder.encode([null] as never), /received null at 0/);
  await refused(() => encoder.encode([new Float32Array(bytes)] as never), /at 0/);
  const gone = new Uint8Array(bytes);
  structuredClone(gone, { transfer: [gone.buffer] });
  await refused(() => encoder.encode([gone]), /received 0 bytes at 0/);
  encoder.dispose();
});

test("an abort rejects with the signal's reason", async () => {
  const encoder = VideoEncoder.random(1, { ...tiny, batch: 1 });
  const abort = new AbortController();
  const reason = new Error("enough");
  const work = encoder.encode(clips, { signal: abort.signal }).catch((error: Error) => error);
  abort.abort(reason);
  assert.is(await work, reason);
  assert.is(await encoder.encode([], { signal: abort.signal }).catch((error: Error) => error), reason);
  encoder.dispose();
});

test("every model has a preset, which can be named, given or changed", () => {
  for (const model of VIDEO_MODEL_NAMES) {
    assert.equal(modelPreset(videoModelNamed(model)), resolvePreset(model === "s3d-tiny" ? "shapes" : model));
  }
  const own = VideoEncoder.random(1, { model: "s3d-tiny", device });
  assert.equal(own.preset, resolvePreset("shapes"));
  own.dispose();
  const presetOf = (preset: object | string, model: "x3d-s" | "videoclip-light" = "x3d-s") => {
    using encoder = VideoEncoder.random(1, { model, preset: preset as string, device });
    return encoder.preset;
  };
  assert.equal(presetOf("x3d-xs"), resolvePreset("x3d-xs"));
  assert.equal(presetOf(resolvePreset("x3d-m", { fps: 3 })), resolvePreset("x3d-m", { fps: 3 }));
  assert.equal(presetOf({ fps: 3, stride: undefined }), resolvePreset("x3d-s", { fps: 3 }));
  assert.equal(presetOf({ size: 32 }, "videoclip-light"), resolvePreset("videoclip-light", { size: 32 }));
});

test("impossible options are refused", async () => {
  const random = (options: object) => () => VideoEncoder.random(1, { ...tiny, ...options });
  await refused(random({ model: "resnet" }), /model: expected one of s3d, .*videoclip-light, received resnet/);
  await refused(random({ model: undefined }), /received undefined/);
  await refused(() => VideoEncoder.random(1), /model: .*received undefined/);
  await refused(() => VideoEncoder.load(undefined as never), /model: .*received undefined/);
  await refused(random({ output: "logits" }), /output: expected one of features for s3d-tiny, received logits/);
  await refused(random({ preset: "s3d-tiny" }), /preset must be one of/);
  await refused(random({ preset: { rate: 3 } }), /preset: expected the name of a preset.*received rate/);
  await refused(random({ preset: { fps: -1 } }), /preset\.fps/);
  await refused(random({ batch: 0 }), /batch: expected 1 to 1024 or auto, received 0/);
  await refused(random({ threads: 1 }), /threads: expected 2/);
  await refused(() => VideoEncoder.load({ model: "s3d" }), /weights: expected a weight file/);
  const before = device.memory().parameters;
  const none = join(folder, "none.pth");
  writeFileSync(none, "none");
  await VideoEncoder.load(none, { model: "s3d", device }).then(
    () => assert.unreachable(),
    (error: { code: string }) => assert.is(error.code, "ERR_WEIGHTS"),
  );
  assert.is(device.memory().parameters, before);
});

test("the folder of a VideoCLIP model loads as a video encoder with the model's settings", async () => {
  using encoder = await VideoEncoder.load("models/shapes", { device });
  assert.equal([encoder.model, encoder.output, encoder.dim], ["s3d-tiny", "features", 256]);
  assert.equal(encoder.preset, resolvePreset("shapes"));
  const frames = new Uint8Array(8 * 64 * 64 * 3).fill(90);
  const { data } = await encoder.encode(frames);
  const file = "models/shapes/video_model.safetensors";
  using same = await VideoEncoder.load({ model: "s3d-tiny", weights: file, device });
  assert.equal((await same.encode(frames)).data, data);
  assert.is(same.weightsHash, encoder.weightsHash);
  await refused(
    () => VideoEncoder.load("models/shapes", { model: "s3d" }),
    /expected s3d-tiny, which models\/shapes has/,
  );
  const { bytes: size } = await videoEncoderToOnnx({ weights: "models/shapes" });
  assert.ok(size > 1e6, "its ONNX model too");
});

test("encoders share a device: each frees its weights, and the device stays open", async () => {
  const before = device.memory().parameters;
  const a = VideoEncoder.random(1, tiny);
  const b = await loadVideoEncoder({ ...tiny, randomWeights: 2 });
  assert.is(a.device.threads, 2);
  assert.match(a.description, /^cpu \(.*, f32, 2 threads\)$/);
  assert.equal([a.precision, a.weightsHash, b.weightsHash], ["f32", "random:1", "random:2"]);
  const [first, second] = await Promise.all([a.encode(clips), b.encode(clips)]);
  assert.not.equal(first.data, second.data);
  a.dispose();
  a.dispose();
  await refused(() => a.encode(clips), /video encoder was disposed/, "ERR_DISPOSED");
  assert.equal((await b.encode(clips)).data, second.data);
  b[Symbol.dispose]();
  assert.is(device.memory().parameters, before);
  assert.not(device.disposed);
});

test("disposing an encoder disposes the device that it created", async () => {
  const encoder = VideoEncoder.random(1, { ...tiny, device: "cpu", threads: 1 });
  const pending = encoder.encode(clips).catch((error: { code: string }) => error.code);
  encoder.dispose();
  assert.is(await pending, "ERR_DISPOSED");
  assert.ok(encoder.device.disposed);
});

test.run();
