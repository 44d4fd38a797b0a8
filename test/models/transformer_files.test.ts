// Checkpoints of the Transformer are read in the layouts of Marian and torch.nn.Transformer.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WeightsError } from "#lib/base/errors.js";
import { marianConfig } from "#lib/models/transformer/marian_config.js";
import { sinusoids } from "#lib/models/transformer/sinusoid.js";
import { MARIAN, type TransformerConfig } from "#lib/models/transformer/transformer.js";
import { marianKeys, torchKeys } from "#lib/weights/transformer_files.js";
import { Transformer } from "#lib/models/transformer/transformer_model.js";
import { transformerParameters } from "#lib/models/transformer/transformer_weights.js";
import { hashParameter } from "#lib/nn/random_weights.js";
import { type StoredTensor, writeSafetensors } from "#lib/weights/index.js";

import { f32, small, sources } from "./small_transformer.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("files of the Transformer");
const folder = temporaryFolder("transformer_files");
const cpu = { device: "cpu" } as const;

function twoLayouts() {
  const one = 21;
  const marian: TransformerConfig = {
    ...MARIAN,
    ...small,
    sourceVocabulary: one,
    targetVocabulary: one,
    startId: 20,
    endId: 0,
    forbiddenIds: [20],
  };
  const norms = {
    encoder: ["self_attn_layer_norm", "final_layer_norm"],
    decoder: ["self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"],
  };
  const torch = new Map<string, StoredTensor>();
  const theirs = new Map<string, StoredTensor>();
  for (const [key, shape] of transformerParameters(marian)) {
    const values = hashParameter("two/", key, shape);
    torch.set(/^(source|output)/.test(key) ? key : `net.${key}`, f32(shape, values));
    const name = `model.${key}`.replace("multihead_attn", "encoder_attn").replace("linear", "fc");
    const stacked = /^(.*)\.in_proj_(weight|bias)$/.exec(name);
    if (key === "source_embedding.weight") theirs.set("model.shared.weight", f32(shape, values));
    else if (key === "output.bias") theirs.set("final_logits_bias", f32([1, one], values));
    else if (stacked) {
      const rows = values.length / 3;
      ["q", "k", "v"].forEach((part, n) =>
        theirs.set(
          `${stacked[1]}.${part}_proj.${stacked[2]}`,
          f32([32, ...shape.slice(1)], values.slice(n * rows, (n + 1) * rows)),
        ),
      );
    } else {
      const side = key.startsWith("encoder") ? "encoder" : "decoder";
      theirs.set(
        name.replace(/norm(\d)/, (_, n) => norms[side][Number(n) - 1]),
        f32(shape, values),
      );
    }
  }
  return { marian, torch, theirs };
}

test("Marian's folder and torch.nn.Transformer's keys give one model", async () => {
  const { marian, torch, theirs: own } = twoLayouts();
  const dir = join(folder, "marian");
  mkdirSync(dir);
  const shared = own.get("model.shared.weight")!;
  own.delete("model.shared.weight");
  own.set("model.encoder.embed_tokens.weight", shared); // a tied embedding may be stored under any of its names
  own.set("lm_head.weight", shared);
  own.set("model.encoder.embed_positions.weight", f32([4, 32], sinusoids("marian", 4, 32)));
  writeSafetensors(join(dir, "model.safetensors"), own);
  const config = {
    model_type: "marian",
    d_model: 32,
    encoder_attention_heads: 4,
    decoder_attention_heads: 4,
    encoder_layers: 2,
    decoder_layers: 2,
    encoder_ffn_dim: 48,
    decoder_ffn_dim: 48,
    activation_function: "swish",
    scale_embedding: true,
    vocab_size: 21,
    decoder_start_token_id: 20,
    eos_token_id: 0,
    pad_token_id: 20,
  };
  writeFileSync(join(dir, "config.json"), JSON.stringify(config));
  const first = await Transformer.load(dir, cpu);
  assert.equal(first.config, marian);
  const path = join(folder, "torch.safetensors");
  writeSafetensors(path, torch);
  const rename = torchKeys({ prefix: "net." });
  const second = await Transformer.load(path, { ...cpu, config: marian, rename });
  const third = await Transformer.load(path, { ...cpu, config: marian, rename: [[/^net\./, ""]] });
  const fourth = await Transformer.load(join(dir, "model.safetensors"), { ...cpu, config: marian });
  const options = { maxLength: 12, beams: 2 };
  const inputs = sources.map((ids) => ids.map((id) => id % 20));
  const results = await first.generate(inputs, options);
  for (const other of [second, third, fourth]) {
    assert.equal(await other.generate(inputs, options), results);
    other.dispose();
  }
  assert.ok(new Set(results.map(([{ ids }]) => ids.join())).size > 1);
  first.dispose();

  torch.delete("net.decoder.layers.1.norm3.bias");
  writeSafetensors(path, torch);
  const missing = await Transformer.load(path, { ...cpu, config: marian, rename }).catch((e: Error) => e);
  assert.instance(missing, WeightsError);
  assert.match((missing as Error).message, /1 missing: decoder.layers.1.norm3.bias \(keys as the model has them\)/);
  own.delete("model.decoder.layers.0.encoder_attn.k_proj.bias");
  writeSafetensors(join(dir, "model.safetensors"), own);
  const part = await Transformer.load(dir, cpu).catch((e: Error) => e);
  assert.match(
    (part as Error).message,
    /1 missing: decoder.layers.0.multihead_attn.in_proj_bias; 2 unexpected: \S*multihead_attn.q_proj.bias, \S*v_proj.bias/,
  );
  writeFileSync(join(dir, "config.json"), JSON.stringify({ ...config, model_type: "bart" }));
  const other = await Transformer.load(dir, cpu).catch((e: Error) => e);
  assert.match((other as Error).message, /config.json: model_type: expected marian, found "bart"/);
});

test("Marian's optional fields have defaults, and ids are read from generation_config.json", () => {
  const dir = mkdtempSync(join(folder, "config-"));
  const path = join(dir, "config.json");
  const write = (name: string, fields: object) => writeFileSync(join(dir, name), JSON.stringify(fields));
  write("config.json", { model_type: "marian", d_model: 512, encoder_attention_heads: 8, decoder_attention_heads: 8 });
  const defaults = marianConfig(path);
  assert.equal([defaults.encoderLayers, defaults.feedForward, defaults.activation], [12, 4096, "gelu"]);
  assert.equal([defaults.startId, defaults.endId, defaults.forbiddenIds], [58100, 0, [58100]]);
  assert.not(defaults.scaleEmbedding);
  write("generation_config.json", {
    decoder_start_token_id: 7,
    eos_token_id: 3,
    bad_words_ids: [[9], [1, 2], [7]],
    pad_token_id: 7,
  });
  const { startId, endId, forbiddenIds } = marianConfig(path);
  assert.equal([startId, endId, forbiddenIds], [7, 3, [7, 9]]);
  write("config.json", { model_type: "marian", normalize_before: true });
  assert.throws(() => marianConfig(path), /normalize_before: expected false, found true/);
  write("config.json", { model_type: "marian", d_model: "wide" });
  assert.throws(() => marianConfig(path), /d_model: expected a whole number, found "wide"/);
});

test("two vocabularies have two embeddings", () => {
  const config = { ...MARIAN, ...small, sharedEmbedding: false };
  const parameters = transformerParameters(config);
  assert.equal(parameters.get("source_embedding.weight"), [23, 32]);
  assert.equal(parameters.get("target_embedding.weight"), [19, 32]);
  const table = (rows: number) => f32([rows, 32], new Float32Array(32 * rows));
  const files = [
    ["model.encoder.embed_tokens.weight", table(23)],
    ["lm_head.weight", table(19)],
    ["model.shared.weight", table(23)],
  ] as const;
  const renamed = marianKeys(false)(new Map(files));
  assert.equal([...renamed].map(([key, { shape }]) => [key, shape[0]]).sort(), [
    ["source_embedding.weight", 23],
    ["target_embedding.weight", 19],
  ]);
  assert.throws(
    () => Transformer.random(1, { ...cpu, config: { ...config, sharedEmbedding: true, startId: 1 } }),
    /targetVocabulary: expected 23, since both sides share an embedding, received 19/,
  );
});

test.run();
