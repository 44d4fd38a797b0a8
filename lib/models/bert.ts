import { attention } from "../graph/ops/index.js";
import type { Tensor } from "../graph/tensor.js";
import { applyOp, parameter, scope, stage } from "../graph/trace.js";
import * as nn from "../nn/layers.js";
import type { TextConfig } from "./text_config.js";

/** What a text encoder reads. */
export interface TextInputs {
  /** i32 `[N, S]`. */
  ids: Tensor;
  /** i32 `[N, S]`: which text of a pair a token is of. */
  types: Tensor;
  /** u8 or f32 `[N, S]`: tokens whose value is 0 are seen by no other token. */
  mask: Tensor;
  /** f32 `[N, S, 1]`: 0 for places beyond the end of a row, 1 elsewhere; MobileBERT's trigrams end there. */
  present?: Tensor;
}

/** Attention of `heads` heads over the tokens of each row; q, k and v `[N, S, C]` to `[N, S, C]`. @internal */
export function selfAttention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, heads: number): Tensor {
  const scale = 1 / Math.sqrt(q.shape[2] / heads);
  return applyOp(attention, [q, k, v, mask], { heads, scale, causal: false })[0];
}

/** Position embeddings of the first S places plus type embeddings: `[N, S, hidden]`. @internal */
export function placeEmbeddings(types: Tensor, config: TextConfig, key: string): Tensor {
  const { maxPositions, hidden, typeVocabulary } = config;
  const table = parameter(`${key}.position_embeddings.weight`, [maxPositions, hidden]);
  const positions = nn.slice(table, [0, 0], [types.shape[1], hidden]);
  return nn.binary(nn.embedding(types, `${key}.token_type_embeddings`, typeVocabulary, hidden), positions, "add");
}

/** Word + position + type embeddings, normalised: `[N, S, hidden]`. */
export function bertEmbeddings({ ids, types }: TextInputs, config: TextConfig, key: string): Tensor {
  const words = nn.embedding(ids, `${key}.word_embeddings`, config.vocabulary, config.hidden);
  return nn.layerNorm(words, `${key}.LayerNorm`, config.eps, placeEmbeddings(types, config, key));
}

/** A post-norm encoder layer with parameters `<key>.attention...`, `.intermediate...`, `.output...`: x `[N, S, hidden]`. */
export function bertLayer(x: Tensor, mask: Tensor, config: TextConfig, key: string): Tensor {
  const { hidden, eps } = config;
  const [q, k, v] = ["query", "key", "value"].map((name) => nn.linear(x, `${key}.attention.self.${name}`, hidden));
  const context = selfAttention(q, k, v, mask, config.heads);
  const attended = nn.linear(context, `${key}.attention.output.dense`, hidden);
  const middle = nn.layerNorm(attended, `${key}.attention.output.LayerNorm`, eps, x);
  const wide = nn.unary(nn.linear(middle, `${key}.intermediate.dense`, config.intermediate), config.activation);
  return nn.layerNorm(nn.linear(wide, `${key}.output.dense`, hidden), `${key}.output.LayerNorm`, eps, middle);
}

/** All layers over embeddings x `[N, S, hidden]`, with parameters `<key>.encoder.layer.N...`. */
export function bertLayers(x: Tensor, mask: Tensor, config: TextConfig, key: string): Tensor {
  let y = x;
  for (let i = 0; i < config.layers; i++) {
    y = scope(`layer.${i}`, () => stage(`layer_${i}`, bertLayer(y, mask, config, `${key}.encoder.layer.${i}`)));
  }
  return y;
}

/**
 * BERT (Devlin et al. 2019, arXiv 1810.04805) as Hugging Face's `BertModel` computes it: the last hidden states
 * `[N, S, hidden]`. Parameters have its keys behind `key` (`bert` in the published files).
 */
export function bert(inputs: TextInputs, config: TextConfig, key = "bert"): Tensor {
  const x = scope("embeddings", () => stage("embeddings", bertEmbeddings(inputs, config, `${key}.embeddings`)));
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

/**
 * Mean of the hidden states that the mask keeps, `[N, S, C]` to `[N, C]`; zeros where it keeps none. It is an attention
 * whose weights are all equal, so that padding does not change a bit.
 */
export function maskedMean(hidden: Tensor, mask: Tensor): Tensor {
  const [N, , C] = hidden.shape;
  const query = nn.slice(hidden, [0, 0, 0], [N, 1, C]);
  const y = applyOp(attention, [query, hidden, hidden, mask], { heads: 1, scale: 0, causal: false })[0];
  return nn.reshape(y, [N, C]);
}
