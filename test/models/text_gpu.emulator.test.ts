// Text models, VideoCLIP and the Transformer give the CPU's results with the kernels and runtime of a GPU, and a row
// has the same bits in any batch: on the emulator, or on a GPU with VIDEOCLIP_DEVICE=cuda.
import { copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createDevice, type Device, type DeviceName, type Precision } from "#lib/runtime/device.js";
import { optimize } from "#lib/compile/passes/index.js";
import { compile } from "#lib/runtime/compile.js";
import { input, trace } from "#lib/graph/trace.js";
import { TextModel } from "#lib/models/text/text_model.js";
import {
  memoryKeys,
  nextToken,
  TRANSFORMER_BASE,
  transformerDecoder,
  transformerEncoder,
} from "#lib/models/transformer/transformer.js";
import { Transformer } from "#lib/models/transformer/transformer_model.js";
import { transformerParameters } from "#lib/models/transformer/transformer_weights.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import type { VideoClipConfig } from "#lib/models/videoclip/videoclip_config.js";
import { reshape } from "#lib/nn/layers.js";
import { hashParameter, hashValues } from "#lib/nn/random_weights.js";
import { relativeL2 } from "../support/numbers.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("text models on a GPU");
const name = (process.env.VIDEOCLIP_DEVICE ?? "cuda-emulated") as DeviceName;
/** Limit of the relative L2 from the CPU in f32: the loss of a few layers of 16-bit activations. */
const LIMIT: Record<Precision, number> = { f32: 1e-5, bf16x3: 0, tf32: 1e-2, f16: 1e-2, bf16: 5e-2 };
const PRECISIONS = ["f32", "bf16", "f16"] as const;
const root = temporaryFolder("gpu");

const common = { hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 96 };
const sizes = { ...common, vocab_size: 410, max_position_embeddings: 80 };
const MODELS = {
  bert: { ...sizes, model_type: "bert" },
  mobilebert: { ...sizes, model_type: "mobilebert", embedding_size: 24, intra_bottleneck_size: 32 },
};
const TEXTS = ["stir the soup", "a red circle moves to the left of the wings", "soup"];
/** The same rows in another batch. */
const ORDER = [2, 0, 2, 1, 1];

function compare(label: string, precision: Precision, got: Float32Array, expected: Float32Array): void {
  const error = relativeL2(got, expected);
  process.stdout.write(`${label}, ${precision}: relative L2 ${error.toExponential(1)}\n`);
  assert.ok(error <= LIMIT[precision], `relative L2 ${error}`);
  assert.ok(precision === "f32" || error > 1e-5, "the rounding of the precision is visible");
}

const rowOf = (rows: Float32Array, i: number, dim: number) => rows.slice(i * dim, (i + 1) * dim);

for (const precision of PRECISIONS) {
  for (const family of ["bert", "mobilebert"] as const) {
    test(`${family}, ${precision}: the GPU gives the CPU's results`, async () => {
      const folder = mkdtempSync(join(root, "text-"));
      writeFileSync(join(folder, "config.json"), JSON.stringify(MODELS[family]));
      copyFileSync("test/fixtures/tokenizer/tokenizer.json", join(folder, "tokenizer.json"));
      const cpu = await TextModel.load(folder, { device: "cpu", randomWeights: 5 });
      const gpu = await TextModel.load(folder, { device: name, precision, randomWeights: 5 });
      try {
        for (const output of ["mean", "pooled"] as const) {
          const { data: got } = await gpu.encode(TEXTS, { output });
          compare(`${family} ${output}`, precision, got, (await cpu.encode(TEXTS, { output })).data);
          const { data: mixed } = await gpu.encode(
            ORDER.map((i) => TEXTS[i]),
            { output, minimum: 33 },
          );
          ORDER.forEach((from, to) => assert.equal(rowOf(mixed, to, 64), rowOf(got, from, 64), `${output} ${to}`));
        }
        const [masks] = await Promise.all([gpu.fillMask("stir the [MASK]", { topK: 3 })]);
        assert.equal(await gpu.fillMask("stir the [MASK]", { topK: 3, minimum: 40 }), masks);
      } finally {
        cpu.dispose();
        gpu.dispose();
      }
    });
  }

  test(`VideoCLIP, ${precision}: the GPU gives the CPU's results`, async () => {
    const config: Partial<VideoClipConfig> = {
      featureSize: 40,
      heads: 4,
      intermediateSize: 96,
      videoLayers: 2,
      maxVideoLength: 6,
      textModel: MODELS.bert,
      frozenText: true,
      hiddenSize: 64,
      textLayers: 1,
      clsId: 2,
      sepId: 3,
    };
    const cpu = VideoClip.random(3, { device: "cpu", config });
    const gpu = VideoClip.random(3, { device: name, precision, config });
    try {
      const videos = [6, 1, 4].map((n) => ({ data: hashValues("gpu/", `${n}`, n * 40), shape: [n, 40] as const }));
      const texts = [[5, 9, 14], Array.from({ length: 20 }, (_, i) => 4 + i), [17]];
      const [v, t] = [await gpu.encodeVideo(videos), await gpu.encodeText(texts)];
      compare("VideoCLIP video", precision, v.rows, (await cpu.encodeVideo(videos)).rows);
      compare("VideoCLIP text", precision, t.rows, (await cpu.encodeText(texts)).rows);
      const mixed = [
        (await gpu.encodeVideo(ORDER.map((i) => videos[i]))).rows,
        (await gpu.encodeText(ORDER.map((i) => texts[i]))).rows,
      ];
      ORDER.forEach((from, to) => {
        assert.equal(rowOf(mixed[0], to, 64), rowOf(v.rows, from, 64), `video ${to}`);
        assert.equal(rowOf(mixed[1], to, 64), rowOf(t.rows, from, 64), `text ${to}`);
      });
    } finally {
      cpu.dispose();
      gpu.dispose();
    }
  });

  test(`the encoder and decoder of the Transformer, ${precision}: the GPU gives the CPU's results`, async () => {
    const config = { ...TRANSFORMER_BASE, width: 64, heads: 4, encoderLayers: 2, decoderLayers: 2, feedForward: 96 };
    const c = { ...config, sourceVocabulary: 50, targetVocabulary: 50 };
    const run = async (device: Device, rows: readonly number[]) => {
      for (const [key, shape] of transformerParameters(c))
        device.parameters.set(key, shape, hashParameter("gpu/", key, shape));
      const N = rows.length;
      const [S, T] = [19, 7];
      const graph = trace(() => {
        const mask = input("mask", [N, S], "u8");
        const memory = memoryKeys(transformerEncoder(input("source", [N, S, 64]), mask, c), c);
        const { output } = transformerDecoder(input("target", [N, T, 64]), memory, mask, c);
        return { y: nextToken(reshape(output, [N * T, 64]), c) };
      });
      const values = (kind: string, size: number) =>
        Float32Array.from(rows.flatMap((row) => [...hashValues(`gpu/${kind}`, `${row}`, size)]));
      const mask = Uint8Array.from(rows.flatMap((row) => Array.from({ length: S }, (_, i) => Number(i < 5 + 7 * row))));
      const program = compile(optimize(graph), device);
      const { y } = await program.run({ source: values("source", S * 64), target: values("target", T * 64), mask });
      program.dispose();
      return y;
    };
    const cpu = createDevice({ device: "cpu" });
    const gpu = createDevice({ device: name, precision });
    try {
      const got = await run(gpu, [0, 1, 2]);
      compare("Transformer", precision, got, await run(cpu, [0, 1, 2]));
      const size = got.length / 3;
      const mixed = await run(gpu, ORDER);
      ORDER.forEach((from, to) => assert.equal(rowOf(mixed, to, size), rowOf(got, from, size), `row ${to}`));
    } finally {
      cpu.dispose();
      gpu.dispose();
    }
  });

  test(`generation gives the same with and without the cache, ${precision}`, async () => {
    const config = { ...TRANSFORMER_BASE, width: 32, heads: 4, encoderLayers: 1, decoderLayers: 2, feedForward: 48 };
    const options = { config: { ...config, sourceVocabulary: 23, targetVocabulary: 19, forbiddenIds: [0, 1, 2] } };
    const gpu = Transformer.random(11, { ...options, device: name, precision });
    const cpu = Transformer.random(11, { ...options, device: "cpu" });
    try {
      const sources = [
        [5, 7, 9, 2],
        [3, 2],
      ];
      const search = { maxLength: 18, beams: 2 };
      const cached = await gpu.generate(sources, search);
      const plain = await gpu.generate(sources, { ...search, cache: false });
      const expected = await cpu.generate(sources, search);
      const tolerance = { f32: 1e-5, f16: 1e-2, bf16: 5e-2 }[precision];
      cached.forEach((list, i) => {
        assert.ok(Math.abs(list[0].score - plain[i][0].score) < tolerance);
        // in 16 bits the search may choose other tokens
        if (precision !== "f32") return;
        assert.ok(Math.abs(list[0].score - expected[i][0].score) < tolerance);
        assert.equal([list[0].ids, plain[i][0].ids], [expected[i][0].ids, expected[i][0].ids]);
      });
      const [alone] = await gpu.generate([sources[1]], search);
      assert.equal(alone, cached[1]);
    } finally {
      gpu.dispose();
      cpu.dispose();
    }
  });
}

test.run();
