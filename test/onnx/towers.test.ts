// VideoCLIP's towers as ONNX give the embeddings of the model, by the float64 references and by onnxruntime.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { evaluate64 } from "#lib/graph/evaluate64.js";
import { VideoClip, type VideoClipConfig } from "#lib/index.js";
import { videoClipToOnnx } from "#lib/onnx/index.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { traceTower } from "#lib/models/videoclip/videoclip_onnx.js";
import { missing, runPeer } from "./peer.js";
import { relativeL2 } from "../support/numbers.js";
import { readOnnx } from "./read_onnx.js";
import { videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("onnx towers");
const LIMIT = 1e-5;
const folder = temporaryFolder("towers");

const sizes = { featureSize: 12, hiddenSize: 16, heads: 2, intermediateSize: 24, videoLayers: 2, textLayers: 2 };
const places = { vocabularySize: 31, maxPositions: 24, maxVideoLength: 6, maxTextLength: 9, clsId: 2, sepId: 3 };
const mobile = { model_type: "mobilebert", vocab_size: 31, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, embedding_size: 8, intra_bottleneck_size: 8, intermediate_size: 8, max_position_embeddings: 24 }; // prettier-ignore
const bert = { model_type: "bert", vocab_size: 31, hidden_size: 16, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 24, max_position_embeddings: 24 }; // prettier-ignore
const CONFIGS: Record<string, Partial<VideoClipConfig>> = {
  separate: {},
  shared: { shared: true },
  "raw features": { normalizeFeatures: false },
  "a MobileBERT": { textModel: mobile },
  "a frozen BERT below": { textModel: bert, frozenText: true },
};
const make = (change: Partial<VideoClipConfig>) =>
  VideoClip.random(4, { config: { ...sizes, ...places, ...change }, device: "cpu" });

const LENGTHS = [6, 1, 4];
const videos = LENGTHS.map((T, i) => ({
  data: hashValues("towers/", `video ${i}`, T * 12),
  shape: [T, 12] as [number, number],
}));
const texts = [[5, 9, 11, 30], [7], [4, 8, 15, 16, 23, 29, 12, 6]];
const S = 11;

/** Inputs of the exported towers, made from their description. */
function inputs(tower: "video" | "text"): Parameters<typeof runPeer>[1] {
  const mask = new Float32Array(3 * (tower === "video" ? 6 : S));
  if (tower === "video") {
    const features = new Float32Array(3 * 6 * 12);
    videos.forEach(({ data, shape }, i) => {
      features.set(data, i * 6 * 12);
      mask.fill(1, i * 6, i * 6 + shape[0]);
    });
    return { features: { data: features, shape: [3, 6, 12] }, mask: { data: mask, shape: [3, 6] } };
  }
  const ids = new Int32Array(3 * S);
  texts.forEach((text, i) => {
    ids.set([2, ...text, 3], i * S);
    mask.fill(1, i * S, i * S + text.length + 2);
  });
  return { ids: { data: ids, shape: [3, S] }, mask: { data: mask, shape: [3, S] } };
}

const embedded = async (model: VideoClip, tower: "video" | "text") =>
  tower === "video" ? (await model.embedVideo(videos)).rows : (await model.embedText(texts)).rows;

for (const [name, change] of Object.entries(CONFIGS)) {
  test(`${name}: the graph of a tower gives the model's embeddings`, async () => {
    const model = make(change);
    for (const tower of ["video", "text"] as const) {
      const given = Object.entries(inputs(tower)).map(
        ([key, { data, shape }]) => [key, { shape, data: Float64Array.from(data) }] as const,
      );
      const { embedding } = evaluate64(
        traceTower(model.config, { tower, batch: 3 }),
        Object.fromEntries(given),
        (key, shape) => ({ shape, data: Float64Array.from(model.device.parameters.get(key)) }),
      );
      assert.equal([...embedding.shape], [3, 16]);
      const error = relativeL2(embedding.data, await embedded(model, tower));
      assert.ok(error < LIMIT, `${tower}: relative L2 ${error}`);
    }
    model.dispose();
  });
}

test("errors name wrong options", () => {
  const model = make({});
  const message = (options: object) => {
    try {
      videoClipToOnnx(model, options as never);
    } catch (error) {
      return (error as Error).message;
    }
    return "no error";
  };
  assert.match(message({}), /tower: expected video or text, received undefined/);
  assert.match(message({ tower: "text", length: 12 }), /length: expected 3 to 11 tokens, received 12/);
  assert.match(message({ tower: "video", length: 6 }), /length: expected nothing for the video tower/);
  assert.match(message({ tower: "video", batch: 0 }), /batch: expected 1 to 1024, received 0/);
  model.dispose();
});

test("videoclip convert writes a tower from a model's folder", async () => {
  const model = make({});
  await model.save(join(folder, "model"));
  model.dispose();
  const convert = (...args: string[]) => videoclip("convert", ...args);
  const output = join(folder, "text.onnx");
  const { status, stdout, stderr } = convert(join(folder, "model"), "--onnx", output, "--tower", "text", "--batch", "2", "--length", "8", "--json"); // prettier-ignore
  assert.is(status, 0, stderr);
  const bytes = readFileSync(output);
  assert.is(JSON.parse(stdout).bytes, bytes.length);
  const { inputs: read, outputs, metadata } = readOnnx(bytes);
  assert.equal(read.map(({ name, shape }) => [name, shape]), [["ids", [2, 8]], ["mask", [2, 8]]]); // prettier-ignore
  assert.equal(outputs[0].shape, [2, 16]);
  assert.is(metadata.tower, "text");
  const refused = (...args: string[]) => {
    const result = convert(...args);
    assert.is(result.status, 2, result.stderr);
    return result.stderr;
  };
  assert.match(
    refused(join(folder, "model"), "--onnx", output),
    /--tower: expected video or text, for the folder of a VideoCLIP/,
  );
  assert.match(refused(join(folder, "model"), "--onnx", output, "--tower", "audio"), /Allowed choices are video, text/);
  assert.match(
    refused(join(folder, "model"), "--onnx", output, "--tower", "video", "--model", "s3d"),
    /--model does not go with --tower/,
  );
  assert.match(refused("--onnx", output, "--tower", "video"), /input: expected the folder or checkpoint/);
  assert.match(refused("--onnx", output, "--model", "s3d", "--length", "3"), /--length goes with --tower text/);
  assert.match(refused("a.pth", "b.safetensors", "--tower", "text"), /--tower goes with --onnx FILE/);
});

if (missing) {
  console.log(`SKIP: exported towers in onnxruntime: ${missing}`);
  test.skip("towers in onnxruntime", () => {});
} else {
  for (const [name, change] of Object.entries(CONFIGS)) {
    test(`${name}: onnxruntime gives the model's embeddings`, async () => {
      const model = make(change);
      for (const tower of ["video", "text"] as const) {
        const got = await runPeer(videoClipToOnnx(model, { tower, batch: 3 }).toBytes(), inputs(tower));
        const error = relativeL2(got.embedding.data, await embedded(model, tower));
        console.log(`${name} ${tower}: relative L2 ${error.toExponential(2)}`);
        assert.ok(error <= LIMIT, `${tower}: relative L2 ${error}`);
      }
      model.dispose();
    });
  }
}

test.run();
