import { type AttentionWeights, type Dense, dense, denseRows } from "../nn/transformer_layers.js";
import { parameter } from "../graph/trace.js";

export type Side = "encoder" | "decoder";

/** Names of the parts of an encoder-decoder Transformer: which published key belongs to which layer. */
export interface TransformerKeys {
  /** Projections of an attention layer of width C; made inside a trace. */
  attention(side: Side, layer: number, kind: "self" | "cross", width: number): AttentionWeights;
  /** The normalisation of a sub-layer. */
  norm(side: Side, layer: number, part: "self" | "cross" | "feedForward"): string;
  feedForward(side: Side, layer: number, part: 1 | 2): string;
  /** The normalisation behind the last layer, where there is one. */
  finalNorm(side: Side): string;
  /** Token embedding `<key>.weight` `[vocabulary, C]`. */
  embedding(side: Side): string;
  /** Weight of the output projection `[vocabulary, C]`, and its bias as key and shape, or null. */
  outputWeight: string;
  outputBias(vocabulary: number): { key: string; shape: readonly number[] } | null;
}

/** Keys beside `torch.nn.Transformer`, which has neither embeddings nor an output projection. */
export interface TorchKeyOptions {
  /** Before every key of the `nn.Transformer`, such as `transformer.`. */
  prefix?: string;
  /** Module of the source and of the target embedding, and of the output projection (`nn.Linear`). */
  source?: string;
  target?: string;
  output?: string;
}

/** `torch.nn.Transformer`; the modules around it are named by `options`. */
export function torchKeys(options: TorchKeyOptions = {}): TransformerKeys {
  const { prefix = "", source = "source_embedding", target = "target_embedding", output = "output" } = options;
  const layerKey = (side: Side, layer: number) => `${prefix}${side}.layers.${layer}`;
  const norms = { encoder: { self: 1, cross: 0, feedForward: 2 }, decoder: { self: 1, cross: 2, feedForward: 3 } };
  return {
    attention(side, layer, kind, width) {
      const key = `${layerKey(side, layer)}.${kind === "self" ? "self_attn" : "multihead_attn"}`;
      const stacked: Dense = {
        weight: parameter(`${key}.in_proj_weight`, [3 * width, width]),
        bias: parameter(`${key}.in_proj_bias`, [3 * width]),
      };
      const [query, k, value] = [0, 1, 2].map((i) => denseRows(stacked, i * width, width));
      return { query, key: k, value, output: dense(`${key}.out_proj`, width, width) };
    },
    norm: (side, layer, part) => `${layerKey(side, layer)}.norm${norms[side][part]}`,
    feedForward: (side, layer, part) => `${layerKey(side, layer)}.linear${part}`,
    finalNorm: (side) => `${prefix}${side}.norm`,
    embedding: (side) => (side === "encoder" ? source : target),
    outputWeight: `${output}.weight`,
    outputBias: (vocabulary) => ({ key: `${output}.bias`, shape: [vocabulary] }),
  };
}

/** Hugging Face's Marian (`MarianMTModel`); `shared` when both sides have one vocabulary. */
export function marianKeys(shared = true): TransformerKeys {
  const layerKey = (side: Side, layer: number) => `model.${side}.layers.${layer}`;
  const norms = { self: "self_attn_layer_norm", cross: "encoder_attn_layer_norm", feedForward: "final_layer_norm" };
  const embedding = (side: Side) => (shared ? "model.shared" : `model.${side}.embed_tokens`);
  return {
    attention(side, layer, kind, width) {
      const key = `${layerKey(side, layer)}.${kind === "self" ? "self_attn" : "encoder_attn"}`;
      const [query, k, value, output] = ["q", "k", "v", "out"].map((name) =>
        dense(`${key}.${name}_proj`, width, width),
      );
      return { query, key: k, value, output };
    },
    norm: (side, layer, part) => `${layerKey(side, layer)}.${norms[part]}`,
    feedForward: (side, layer, part) => `${layerKey(side, layer)}.fc${part}`,
    finalNorm: (side) => `model.${side}.layer_norm`,
    embedding,
    outputWeight: `${embedding("decoder")}.weight`,
    outputBias: (vocabulary) => ({ key: "final_logits_bias", shape: [1, vocabulary] }),
  };
}
