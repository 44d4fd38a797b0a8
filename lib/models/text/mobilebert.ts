import type { Tensor } from "../../graph/tensor.js";
import { parameter, probe, scope } from "../../graph/trace.js";
import * as nn from "../../nn/layers.js";
import { applyDense, dense, projectTogether, scaledAttention } from "../../nn/transformer_layers.js";
import { firstToken, placeEmbeddings, type TextInputs } from "./bert.js";
import type { TextConfig } from "./text_config.js";

/**
 * Norm(W x + b + residual) with parameters `<dense>.{weight, bias}` and `<norm>.{weight, bias}`. MobileBERT's NoNorm is
 * w y + b per channel, so it is folded into the product's weight and bias, which all programs share.
 */
function normed(x: Tensor, width: number, config: TextConfig, dense: string, norm: string, residual?: Tensor): Tensor {
  if (!config.noNorm) return nn.layerNorm(nn.linear(x, dense, width), norm, config.eps, residual);
  const scale = parameter(`${norm}.weight`, [width]);
  const weight = parameter(`${dense}.weight`, [width, x.shape[x.shape.length - 1]]);
  const scaled = nn.binary(weight, nn.reshape(scale, [width, 1]), "mul");
  const bias = nn.binary(parameter(`${dense}.bias`, [width]), scale, "mul");
  const y = nn.linearWith(x, scaled, nn.binary(bias, parameter(`${norm}.bias`, [width]), "add"));
  return residual ? nn.binary(y, nn.binary(residual, scale, "mul"), "add") : y;
}

/** Norm(W2 act(W1 x) + x): parameters `<key>.intermediate.dense`, `<key>.output.{dense, LayerNorm}`. */
function feedForward(x: Tensor, config: TextConfig, key: string): Tensor {
  const wide = nn.unary(nn.linear(x, `${key}.intermediate.dense`, config.intermediate), config.activation);
  return normed(wide, x.shape[2], config, `${key}.output.dense`, `${key}.output.LayerNorm`, x);
}

/**
 * Word embeddings of the next, the current and the previous token (zeros beyond the ends) through one linear layer,
 * plus position and type embeddings, normalised: `[N, S, hidden]`.
 */
function mobileBertEmbeddings(inputs: TextInputs, config: TextConfig, key: string): Tensor {
  const { embedding, hidden } = config;
  let words = nn.embedding(inputs.ids, `${key}.word_embeddings`, config.vocabulary, embedding, 0);
  const [N, S] = inputs.ids.shape;
  if (config.trigram) {
    if (inputs.present) words = nn.binary(words, inputs.present, "mul");
    const row = nn.slice(words, [0, 0, 0], [N, 1, embedding]);
    const none = nn.binary(row, row, "sub");
    const [next, previous] = [1, 0].map((from) => nn.slice(words, [0, from, 0], [N, S - 1, embedding]));
    words = nn.concat([nn.concat([next, none], 1), words, nn.concat([none, previous], 1)], 2);
  }
  if (config.trigram || embedding !== hidden) words = nn.linear(words, `${key}.embedding_transformation`, hidden);
  const places = placeEmbeddings(S, inputs.types, config, key);
  if (!config.noNorm) return nn.layerNorm(words, `${key}.LayerNorm`, config.eps, places);
  const [scale, bias] = ["weight", "bias"].map((name) => parameter(`${key}.LayerNorm.${name}`, [hidden]));
  return nn.binary(nn.binary(nn.binary(words, places, "add"), scale, "mul"), bias, "add");
}

/** A layer with bottlenecks: x `[N, S, hidden]` to the same, through `config.inner` channels. */
function mobileBertLayer(x: Tensor, mask: Tensor, config: TextConfig, key: string): Tensor {
  const { inner, bottleneck } = config;
  const narrow = (name: string) =>
    normed(x, inner, config, `${key}.bottleneck.${name}.dense`, `${key}.bottleneck.${name}.LayerNorm`);
  const input = bottleneck === "none" ? x : narrow("input");
  const queries = { none: () => x, plain: () => x, shared: () => narrow("attention"), all: () => input }[bottleneck]();
  const self = (name: string, from: Tensor) => dense(`${key}.attention.self.${name}`, inner, from.shape[2]);
  const read = bottleneck === "all" ? input : x;
  const [query, k, value] = [self("query", queries), self("key", queries), self("value", read)];
  const [q, keys, ...rest] = projectTogether(queries, read === queries ? [query, k, value] : [query, k]);
  const values = rest[0] ?? applyDense(read, value);
  const context = scaledAttention(q, keys, values, { heads: config.heads, mask });
  const output = `${key}.attention.output`;
  let y = normed(context, inner, config, `${output}.dense`, `${output}.LayerNorm`, input);
  for (let i = 0; i < config.feedForwards - 1; i++) y = feedForward(y, config, `${key}.ffn.${i}`);
  y = feedForward(y, config, key);
  if (bottleneck === "none") return y;
  const wide = `${key}.output.bottleneck`;
  return normed(y, config.hidden, config, `${wide}.dense`, `${wide}.LayerNorm`, x);
}

/**
 * MobileBERT (Sun et al. 2020, arXiv 2004.02984) as in Hugging Face's `MobileBertModel`: the last hidden states
 * `[N, S, hidden]`. Parameters have its keys after `key`; those named LayerNorm are NoNorm's.
 */
export function mobileBert(inputs: TextInputs, config: TextConfig, key = "mobilebert"): Tensor {
  const embed = () => probe("embeddings", mobileBertEmbeddings(inputs, config, `${key}.embeddings`));
  let x = scope("embeddings", embed);
  for (let i = 0; i < config.layers; i++) {
    const layer = () => probe(`layer_${i}`, mobileBertLayer(x, inputs.mask, config, `${key}.encoder.layer.${i}`));
    x = scope(`layer.${i}`, layer);
  }
  return x;
}

/** The first token's state, through tanh(W h + b) if the configuration has `classifier_activation`: `[N, hidden]`. */
export function mobileBertPooler(hidden: Tensor, config: TextConfig, key = "mobilebert"): Tensor {
  const first = firstToken(hidden);
  return config.poolerDense ? nn.unary(nn.linear(first, `${key}.pooler.dense`, config.hidden), "tanh") : first;
}
