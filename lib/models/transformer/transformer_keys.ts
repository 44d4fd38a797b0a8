import { parameter } from "../../graph/trace.js";
import { type AttentionWeights, type Dense, dense, denseRows } from "../../nn/transformer_layers.js";

/**
 * Keys of an encoder-decoder Transformer: those of `torch.nn.Transformer`, and `source_embedding`, `target_embedding`
 * and `output`, which it does not have.
 */
export type Side = "encoder" | "decoder";

const layerKey = (side: Side, layer: number): string => `${side}.layers.${layer}`;

/** Projections of an attention layer of width C, from one matrix `[3 C, C]` and its output; made inside a trace. */
export function attentionWeights(side: Side, layer: number, kind: "self" | "cross", width: number): AttentionWeights {
  const key = `${layerKey(side, layer)}.${kind === "self" ? "self_attn" : "multihead_attn"}`;
  const stacked: Dense = {
    weight: parameter(`${key}.in_proj_weight`, [3 * width, width]),
    bias: parameter(`${key}.in_proj_bias`, [3 * width]),
  };
  const [query, k, value] = [0, 1, 2].map((i) => denseRows(stacked, i * width, width));
  return { query, key: k, value, output: dense(`${key}.out_proj`, width, width) };
}

const NORMS = { encoder: { self: 1, cross: 0, feedForward: 2 }, decoder: { self: 1, cross: 2, feedForward: 3 } };

/** The normalisation of a sub-layer. */
export const normKey = (side: Side, layer: number, part: "self" | "cross" | "feedForward"): string =>
  `${layerKey(side, layer)}.norm${NORMS[side][part]}`;

export const feedForwardKey = (side: Side, layer: number, part: 1 | 2): string =>
  `${layerKey(side, layer)}.linear${part}`;

/** The normalisation after the last layer, if there is one. */
export const finalNormKey = (side: Side): string => `${side}.norm`;

/** Token embedding `<key>.weight` `[vocabulary, C]`. */
export const embeddingKey = (side: Side, shared: boolean): string =>
  side === "encoder" || shared ? "source_embedding" : "target_embedding";

/** Output projection `<key>.weight` `[vocabulary, C]` (unless it is the embedding) and `<key>.bias`. */
export const OUTPUT = "output";
