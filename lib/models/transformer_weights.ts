import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { WeightsError } from "../errors.js";
import type { ParameterStore } from "../graph/parameter_store.js";
import { input, trace } from "../graph/trace.js";
import { openWeights } from "../weights/index.js";
import { toFloat32 } from "../weights/tensor.js";
import { checkKeys, parametersOf } from "./parameters.js";
import {
  embedTokens,
  MARIAN,
  memoryKeys,
  nextToken,
  transformerDecoder,
  transformerEncoder,
  type TransformerConfig,
} from "./transformer.js";
import { marianKeys } from "./transformer_keys.js";

/** Buffers and tied copies that published files carry beside the parameters. */
const UNUSED = /(^|\.)(embed_positions\.weight|num_batches_tracked)$|^lm_head\.weight$|\.embed_tokens\.weight$/;

/** Every parameter of a model, by key. */
export function transformerParameters(c: TransformerConfig): Map<string, readonly number[]> {
  return parametersOf(
    trace(() => {
      const ids = input("ids", [1, 1], "i32");
      const [scale, positions, mask] = [
        input("scale", [1]),
        input("positions", [1, c.width]),
        input("mask", [1, 1], "u8"),
      ];
      const memory = transformerEncoder(embedTokens(ids, scale, positions, c, "encoder"), mask, c);
      const x = embedTokens(ids, scale, positions, c, "decoder");
      const { output } = transformerDecoder(x, memoryKeys(memory, c), mask, c);
      return { y: nextToken(output, c) };
    }),
  );
}

/** Fields of a Hugging Face `config.json` of a Marian model. @throws WeightsError for a model of another kind */
export function marianConfig(path: string): Partial<TransformerConfig> {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- every field is checked by checkTransformer or by shapes
  let json: any;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new WeightsError(`${path}: expected a JSON object (${(cause as Error).message})`, { file: path, cause });
  }
  const refuse = (field: string, expected: unknown) =>
    new WeightsError(`${path}: ${field}: expected ${expected}, found ${JSON.stringify(json[field])}`, { file: path });
  if (json?.model_type !== "marian") throw refuse("model_type", "marian");
  if (json.normalize_embedding) throw refuse("normalize_embedding", false);
  if (json.encoder_ffn_dim !== json.decoder_ffn_dim) throw refuse("decoder_ffn_dim", json.encoder_ffn_dim);
  if (json.encoder_attention_heads !== json.decoder_attention_heads)
    throw refuse("decoder_attention_heads", json.encoder_attention_heads);
  const activation = ({ swish: "swish", silu: "swish", relu: "relu", gelu: "gelu" } as const)[
    json.activation_function as "swish"
  ];
  if (!activation) throw refuse("activation_function", "swish, silu, relu or gelu");
  return {
    ...MARIAN,
    width: json.d_model,
    heads: json.encoder_attention_heads,
    encoderLayers: json.encoder_layers,
    decoderLayers: json.decoder_layers,
    feedForward: json.encoder_ffn_dim,
    activation,
    normFirst: json.normalize_before ?? false,
    scaleEmbedding: json.scale_embedding ?? false,
    sourceVocabulary: json.vocab_size,
    targetVocabulary: json.decoder_vocab_size ?? json.vocab_size,
    keys: marianKeys(json.share_encoder_decoder_embeddings ?? true),
    startId: json.decoder_start_token_id,
    endId: json.eos_token_id,
    // the model was never taught to say padding
    forbiddenIds: [json.pad_token_id],
  };
}

/** Files of a Hugging Face folder, or the file itself. */
export function transformerFiles(path: string): { weights: string; config?: string } {
  if (!existsSync(path)) throw new WeightsError(`${path}: there is no such file or folder`, { file: path });
  if (!statSync(path).isDirectory()) return { weights: path };
  const weights = ["model.safetensors", "pytorch_model.bin"].map((name) => join(path, name)).find(existsSync);
  if (!weights) throw new WeightsError(`${path}: expected model.safetensors or pytorch_model.bin`, { file: path });
  return { weights, config: join(path, "config.json") };
}

/** Names under which Marian's files keep a tied embedding. */
const TIED: Record<string, readonly string[]> = {
  "model.shared.weight": ["model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"],
  "model.decoder.embed_tokens.weight": ["lm_head.weight"],
};

/** Puts a file's parameters into a store. @returns first 16 hex digits of its SHA-256 */
export async function loadTransformer(
  path: string,
  c: TransformerConfig,
  store: Pick<ParameterStore, "set">,
): Promise<string> {
  const file = await openWeights(path);
  try {
    const tensors = new Map(file.tensors);
    const needed = transformerParameters(c);
    for (const [key, others] of Object.entries(TIED)) {
      const found = others.map((other) => tensors.get(other)).find((tensor) => tensor);
      if (needed.has(key) && !tensors.has(key) && found) tensors.set(key, found);
    }
    if (!needed.has("model.shared.weight")) tensors.delete("model.shared.weight");
    checkKeys(path, needed, tensors, UNUSED);
    for (const [key, shape] of needed) store.set(key, shape, toFloat32(tensors.get(key)!));
    return file.sha256.slice(0, 16);
  } finally {
    file.close();
  }
}
