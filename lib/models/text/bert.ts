import type { Tensor } from "../../graph/tensor.js";
import { parameter, probe, scope } from "../../graph/trace.js";
import * as nn from "../../nn/layers.js";
import { dense, feedForward, residual, selfAttention } from "../../nn/transformer_layers.js";
import type { TextConfig } from "./text_config.js";

/** Inputs of a text encoder. */
export interface TextInputs {
  /** i32 `[N, S]`. */
  ids: Tensor;
  /** i32 `[N, S]`: the text (0 or 1) of a pair that a token belongs to; or one type for all tokens. */
  types: Tensor | number;
  /** u8 or f32 `[N, S]`: no token attends to tokens whose value is 0. */
  mask: Tensor;
  /** f32 `[N, S, 1]`: 1 for tokens of a row, 0 for positions beyond its end. MobileBERT's trigrams need it. */
  present?: Tensor | undefined;
}

/** The fields of a configuration that BERT's layers and embeddings read. */
export type BertSizes = Pick<
  TextConfig,
  "hidden" | "layers" | "heads" | "intermediate" | "activation" | "eps" | "maxPositions" | "typeVocabulary"
>;

/**
 * Embeddings of S positions, from `first` on, plus type embeddings: `[N, S, hidden]` for types i32 `[N, S]`,
 * `[S, hidden]` for one type.
 */
export function placeEmbeddings(
  S: number,
  types: Tensor | number,
  { maxPositions, hidden, typeVocabulary }: Pick<BertSizes, "maxPositions" | "hidden" | "typeVocabulary">,
  key: string,
  first = 0,
): Tensor {
  const table = parameter(`${key}.position_embeddings.weight`, [maxPositions, hidden]);
  const positions = nn.slice(table, [first, 0], [S, hidden]);
  const name = `${key}.token_type_embeddings`;
  const type =
    typeof types === "number"
      ? nn.slice(parameter(`${name}.weight`, [typeVocabulary, hidden]), [types, 0], [1, hidden])
      : nn.embedding(types, name, typeVocabulary, hidden);
  return nn.binary(type, positions, "add");
}

/** Token contents `[N, S, hidden]` plus position and type embeddings, normalised, with dropout: `[N, S, hidden]`. */
function bertEmbeddings(contents: Tensor, types: Tensor | number, config: BertSizes, key: string): Tensor {
  return embeddedAt(contents, placeEmbeddings(contents.shape[1], types, config, key), config, key);
}

/** As {@link bertEmbeddings}, for given position embeddings `[S, hidden]` or `[N, S, hidden]`. */
export function embeddedAt(contents: Tensor, places: Tensor, { eps }: Pick<BertSizes, "eps">, key: string): Tensor {
  const norm = `${key}.LayerNorm`;
  if (places.shape.length === 3) return nn.dropout(nn.layerNorm(contents, norm, eps, places));
  return nn.dropout(nn.layerNorm(nn.binary(contents, places, "add"), norm, eps));
}

/** A post-norm encoder layer with parameters `<key>.attention...`, `.intermediate...`, `.output...`: x `[N, S, hidden]`. */
function bertLayer(x: Tensor, mask: Tensor, config: BertSizes, key: string): Tensor {
  const { hidden, intermediate, eps, heads } = config;
  const norm = { eps, normFirst: false };
  const square = (name: string) => dense(`${key}.attention.${name}`, hidden, hidden);
  const attended = residual(x, `${key}.attention.output.LayerNorm`, norm, (y) => {
    const [query, k, value] = ["query", "key", "value"].map((name) => square(`self.${name}`));
    return selfAttention(y, { query, key: k, value, output: square("output.dense") }, { heads, mask });
  });
  const up = dense(`${key}.intermediate.dense`, intermediate, hidden);
  const down = dense(`${key}.output.dense`, hidden, intermediate);
  return residual(attended, `${key}.output.LayerNorm`, norm, (y) => feedForward(y, up, config.activation, down));
}

/** All layers over embeddings x `[N, S, hidden]`, with parameters `<key>.encoder.layer.N...`. */
export function bertLayers(x: Tensor, mask: Tensor, config: BertSizes, key: string): Tensor {
  let y = x;
  for (let i = 0; i < config.layers; i++) {
    y = scope(`layer.${i}`, () => probe(`layer_${i}`, bertLayer(y, mask, config, `${key}.encoder.layer.${i}`)));
  }
  return y;
}

/**
 * BERT (Devlin et al. 2019, arXiv 1810.04805) as in Hugging Face's `BertModel`: the last hidden states
 * `[N, S, hidden]`. Parameters have its keys after `key` (`bert` in the published files).
 */
export function bert(inputs: TextInputs, config: TextConfig, key = "bert"): Tensor {
  const x = scope("embeddings", () => {
    const words = nn.embedding(inputs.ids, `${key}.embeddings.word_embeddings`, config.vocabulary, config.hidden, 0);
    return probe("embeddings", bertEmbeddings(words, inputs.types, config, `${key}.embeddings`));
  });
  return bertLayers(x, inputs.mask, config, key);
}

/** Hidden state of the first token: `[N, S, C]` to `[N, C]`. */
export function firstToken(hidden: Tensor): Tensor {
  const [N, , C] = hidden.shape;
  return nn.reshape(nn.slice(hidden, [0, 0, 0], [N, 1, C]), [N, C]);
}

/** tanh(W h[CLS] + b), `[N, hidden]`, with parameters `<key>.pooler.dense`. */
export function bertPooler(hidden: Tensor, config: TextConfig, key = "bert"): Tensor {
  return nn.unary(nn.linear(firstToken(hidden), `${key}.pooler.dense`, config.hidden), "tanh");
}
