// Exported encoders give in onnxruntime the features of the package's encoders and the recorded outputs of the
// references.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { optimize } from "#lib/compile/passes/index.js";
import { input, trace } from "#lib/graph/trace.js";
import { type Graph } from "#lib/nn/index.js";
import { type Preset, VideoEncoder, type VideoModelName } from "#lib/index.js";
import { toOnnx, traceVideoEncoder, videoEncoderToOnnx } from "#lib/onnx/index.js";
import { s3dgText } from "#lib/models/video/s3d.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { resolvePreset } from "#lib/video/presets.js";
import { type Fixture, makeInput, makeState, readFixture } from "../../scripts/fixtures/case.js";
import { missing, runPeer } from "./peer.js";
import { relativeL2 } from "../support/numbers.js";
import { readOnnx } from "./read_onnx.js";

const test = suite("onnx models");
const LIMIT = 1e-5;

/** Clips u8 `[N, T, H, W, 3]`, smooth like videos, and the same clips in the ONNX model's input format. */
function makeClips(preset: Preset, n: number) {
  const { frames: T, crop: S, mean, std } = preset;
  const noise = hashValues("onnx/", "clips", n * T * S * S * 3);
  const clips = new Uint8Array(noise.length);
  const video = new Float32Array(noise.length);
  for (let i = 0; i < noise.length; i++) {
    const c = i % 3;
    const [w, h] = [Math.floor(i / 3) % S, Math.floor(i / 3 / S) % S];
    const plane = Math.floor(i / 3 / S / S); // clip and frame
    clips[i] = Math.round(127 + 80 * Math.sin(0.11 * w + 0.07 * h + 0.3 * plane + c) + 40 * noise[i]);
    const at = ((Math.floor(plane / T) * 3 + c) * T + (plane % T)) * S * S + h * S + w;
    video[at] = (clips[i] / 255 - mean[c]) / std[c];
  }
  return { clips, video: { shape: [n, 3, T, S, S], data: video } };
}

/** Model, output, and a clip size whose maps have odd sides, so that the pools' rounding and padding matter. */
const ENCODERS = [
  ["s3d", "logits", { frames: 16, size: 224 }],
  ["s3d", "mixed_5c", { frames: 10, size: 104 }],
  ["s3dg", "video_embedding", { frames: 30, size: 104 }],
  ["s3dg", "mixed_5c", { frames: 12, size: 136 }],
  ["x3d-xs", "features", { frames: 4, size: 182 }],
  ["x3d-s", "probabilities", { frames: 13, size: 104 }],
] as const;

const goldens: [string, Record<string, string>][] = [
  ["s3d_16x224", { logits: "logits", mixed_5c: "feature_map_mean" }],
  ["s3dg_30x96", { mixed_5c: "mixed_5c", video_embedding: "video_embedding" }],
  ["s3dg_32x128", { mixed_5c: "mixed_5c", video_embedding: "video_embedding" }],
  ["x3d_xs_4x182", { logits: "logits", features: "features" }],
];

function stateOf(fixture: Fixture) {
  const state = makeState(fixture);
  return (key: string) => state.get(key)!.data;
}

test("an export states its clips, its preset and its weights", async () => {
  for (const [model, output, size] of ENCODERS) {
    const preset = resolvePreset(model, size);
    const onnx = await videoEncoderToOnnx({ model, output, preset, randomWeights: 3, batch: 2 });
    const { inputs, outputs, metadata } = readOnnx(onnx.toBytes());
    assert.equal(inputs[0].shape, [2, 3, size.frames, size.size, size.size]);
    assert.is(outputs[0].name, output);
    assert.equal(metadata, { model, output, weights: "random:3", preset: JSON.stringify(preset) });
  }
});

if (missing) {
  console.log(`SKIP: exported models in onnxruntime: ${missing}`);
  test.skip("models in onnxruntime", () => {});
} else {
  for (const [model, output, size] of ENCODERS) {
    test(`${model} ${output}: equal to the package's encoder`, async () => {
      const preset = resolvePreset(model, size);
      const options = { model, output, preset, randomWeights: 3, batch: 2 };
      const { clips, video } = makeClips(preset, 2);
      const encoder = await VideoEncoder.load(options);
      const expected = (await encoder.encode(clips)).data;
      encoder.dispose();
      const onnx = await videoEncoderToOnnx(options);
      const got = await runPeer(onnx.toBytes(), { video });
      assert.equal([...got[output].dims], [2, encoder.dim]);
      const error = relativeL2(got[output].data, expected);
      console.log(`${model} ${output}: relative L2 ${error.toExponential(2)}`);
      assert.ok(error <= LIMIT, `relative L2 ${error}`);
    });
  }

  for (const [file, outputs] of goldens) {
    test(`${file}: outputs equal the reference when folded, as traced and as the package runs it`, async () => {
      const fixture = readFixture(`test/fixtures/models/${file}.safetensors`);
      const model = (file.startsWith("x3d") ? "x3d-xs" : file.split("_")[0]) as VideoModelName;
      const video = makeInput(fixture, "video");
      const [batch, , frames, size] = video.shape;
      const preset = resolvePreset(model, { frames, size });
      const forms = {
        folded: (graph: Graph) => toOnnx(graph, stateOf(fixture)),
        "as traced": (graph: Graph) => toOnnx(graph, stateOf(fixture), { fold: false }),
        // merged convolutions and late gates: Split and Mul
        optimized: (graph: Graph) => toOnnx(optimize(graph), stateOf(fixture)),
      };
      for (const [form, write] of Object.entries(forms)) {
        for (const [output, name] of Object.entries(outputs)) {
          const onnx = write(traceVideoEncoder({ model, output, preset, batch }));
          const got = await runPeer(onnx.toBytes(), { video });
          const error = relativeL2(got[output].data, fixture.tensors.get(name)!.data);
          console.log(`${file} ${output}, ${form}: relative L2 ${error.toExponential(2)}`);
          assert.ok(error <= LIMIT, `${output}, ${form}: relative L2 ${error}`);
        }
      }
    });
  }

  test("text tower of S3D-G: outputs equal the reference", async () => {
    const fixture = readFixture("test/fixtures/models/s3dg_32x128.safetensors");
    const ids = makeInput(fixture, "token_ids");
    const valid = makeInput(fixture, "token_lengths");
    const masked = Int32Array.from(ids.data, (id, i) => id * valid.data[i]);
    const graph = trace(() => ({ text_embedding: s3dgText(input("ids", ids.shape, "i32")) }));
    const got = await runPeer(toOnnx(graph, stateOf(fixture)).toBytes(), { ids: { shape: ids.shape, data: masked } });
    const error = relativeL2(got.text_embedding.data, fixture.tensors.get("text_embedding")!.data);
    console.log(`text_embedding: relative L2 ${error.toExponential(2)}`);
    assert.ok(error <= LIMIT, `relative L2 ${error}`);
  });
}

test.run();
