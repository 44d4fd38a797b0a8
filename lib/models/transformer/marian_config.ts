import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { WeightsError } from "../../base/errors.js";
import { MARIAN, type TransformerConfig } from "./transformer.js";

const ACTIVATIONS = { swish: "swish", silu: "swish", relu: "relu", gelu: "gelu" } as const;

type Fields = Record<string, unknown>;

function readJson(path: string): Fields {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Fields;
  } catch (cause) {
    throw new WeightsError(`${path}: expected a JSON object (${(cause as Error).message})`, { file: path, cause });
  }
}

/**
 * The configuration of a Marian model from its Hugging Face `config.json`, with the defaults of `MarianConfig` for
 * absent fields, and from `generation_config.json`, which has the ids in newer folders.
 * @throws WeightsError for a model of another kind or a field that is not supported
 */
export function marianConfig(path: string): Partial<TransformerConfig> {
  const beside = join(dirname(path), "generation_config.json");
  const json = readJson(path);
  const ids: Fields = { ...json, ...(existsSync(beside) ? readJson(beside) : {}) };
  const refuse = (field: string, expected: unknown) =>
    new WeightsError(`${path}: ${field}: expected ${expected}, found ${JSON.stringify(json[field])}`, { file: path });
  if (json.model_type !== "marian") throw refuse("model_type", "marian");
  // Hugging Face's layers are post-norm whatever these fields say
  for (const field of ["normalize_embedding", "normalize_before", "add_final_layer_norm"])
    if (json[field]) throw refuse(field, false);
  const integer = (field: string, otherwise: number, from = json): number => {
    const value = from[field] ?? otherwise;
    if (Number.isInteger(value) && (value as number) >= 0) return value as number;
    throw refuse(field, "a whole number");
  };
  const width = integer("d_model", 1024);
  const feedForward = integer("encoder_ffn_dim", 4096);
  const heads = integer("encoder_attention_heads", 16);
  if (integer("decoder_ffn_dim", 4096) !== feedForward) throw refuse("decoder_ffn_dim", feedForward);
  if (integer("decoder_attention_heads", 16) !== heads) throw refuse("decoder_attention_heads", heads);
  const activation = ACTIVATIONS[String(json.activation_function ?? "gelu") as "swish"];
  if (!activation) throw refuse("activation_function", Object.keys(ACTIVATIONS).join(", "));
  const sourceVocabulary = integer("vocab_size", 58101);
  // padding is not a word of the output
  const forbidden = [integer("pad_token_id", 58100, ids), ...single(ids.bad_words_ids)];
  return {
    ...MARIAN,
    width,
    heads,
    encoderLayers: integer("encoder_layers", 12),
    decoderLayers: integer("decoder_layers", 12),
    feedForward,
    activation,
    scaleEmbedding: json.scale_embedding === true,
    sourceVocabulary,
    targetVocabulary: integer("decoder_vocab_size", sourceVocabulary),
    sharedEmbedding: json.share_encoder_decoder_embeddings !== false,
    startId: integer("decoder_start_token_id", 58100, ids),
    endId: integer("eos_token_id", 0, ids),
    forbiddenIds: [...new Set(forbidden)],
  };
}

/** The entries of `bad_words_ids` that are a single token. */
const single = (words: unknown): number[] =>
  Array.isArray(words)
    ? words.filter((word) => Array.isArray(word) && word.length === 1).map(([id]) => id as number)
    : [];
