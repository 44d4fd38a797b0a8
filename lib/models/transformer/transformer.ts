import { InvalidArgumentError } from "../../base/errors.js";
import { softmax, type UnaryKind } from "../../ops/index.js";
import type { Tensor } from "../../graph/tensor.js";
import { applyOp, parameter, scope } from "../../graph/trace.js";
import * as nn from "../../nn/layers.js";
import {
  applyDense,
  type AttentionOptions,
  dense,
  feedForward,
  projectTogether,
  residual,
  scaledAttention,
  selfAttention,
} from "../../nn/transformer_layers.js";
import type { SinusoidLayout } from "./sinusoid.js";
import {
  attentionWeights,
  embeddingKey,
  feedForwardKey,
  finalNormKey,
  normKey,
  OUTPUT,
  type Side,
} from "./transformer_keys.js";

/** An encoder-decoder Transformer (Vaswani et al. 2017, arXiv 1706.03762). */
export interface TransformerConfig {
  /** Width C of the model; a multiple of `heads`. */
  width: number;
  heads: number;
  encoderLayers: number;
  decoderLayers: number;
  /** Width of the hidden layer of the feed-forward networks. */
  feedForward: number;
  activation: Extract<UnaryKind, "relu" | "gelu" | "gelu_tanh" | "swish">;
  /** Normalise before each sub-layer instead of after its residual. */
  normFirst: boolean;
  /**
   * A normalisation after the last layer of the encoder and of the decoder: `torch.nn.Transformer` has it, the paper
   * and Marian do not.
   */
  finalNorm: boolean;
  eps: number;
  positions: SinusoidLayout;
  /** Multiply embeddings by sqrt(C) before positions are added. */
  scaleEmbedding: boolean;
  sourceVocabulary: number;
  targetVocabulary: number;
  /**
   * Width of the embedding tables, such as that of word vectors. If it is not C, rows go through
   * `<embedding>_projection.weight` `[C, width]`. null: C.
   */
  embeddingWidth: number | null;
  /** One embedding table for source and target, which then have one vocabulary. */
  sharedEmbedding: boolean;
  /** Whether the output projection is the target's embedding. */
  tiedOutput: boolean;
  /** Ids of the start and end of a target, and ids that are never generated. */
  startId: number;
  endId: number;
  forbiddenIds: readonly number[];
}

/** The base model of the paper, as in `torch.nn.Transformer`; ids 0, 1 and 2 are padding, start and end. */
export const TRANSFORMER_BASE: TransformerConfig = {
  width: 512,
  heads: 8,
  encoderLayers: 6,
  decoderLayers: 6,
  feedForward: 2048,
  activation: "relu",
  normFirst: false,
  finalNorm: true,
  eps: 1e-5,
  positions: "paper",
  scaleEmbedding: true,
  sourceVocabulary: 37000,
  targetVocabulary: 37000,
  embeddingWidth: null,
  sharedEmbedding: false,
  tiedOutput: false,
  startId: 1,
  endId: 2,
  forbiddenIds: [0, 1],
};

/**
 * Marian's base model with the vocabulary of Helsinki-NLP/opus-mt-en-de; the fields of a folder's `config.json` replace
 * these.
 */
export const MARIAN: TransformerConfig = {
  ...TRANSFORMER_BASE,
  activation: "swish",
  finalNorm: false,
  positions: "marian",
  sharedEmbedding: true,
  tiedOutput: true,
  startId: 58100, // the padding id, the last of the vocabulary
  endId: 0,
  forbiddenIds: [58100],
  sourceVocabulary: 58101,
  targetVocabulary: 58101,
};

/** @throws InvalidArgumentError when the sizes do not fit together */
export function checkTransformer(config: TransformerConfig): TransformerConfig {
  const { width, heads, embeddingWidth } = config;
  const counts = ["width", "heads", "feedForward", "sourceVocabulary", "targetVocabulary"] as const;
  for (const name of [...counts, "encoderLayers", "decoderLayers"] as const) {
    const least = name.endsWith("Layers") ? 0 : 1;
    if (Number.isInteger(config[name]) && config[name] >= least) continue;
    throw new InvalidArgumentError(`${name}: expected a whole number of at least ${least}, received ${config[name]}`, {
      argument: name,
      received: config[name],
    });
  }
  for (const name of ["startId", "endId"] as const) {
    const id = config[name];
    if (Number.isInteger(id) && id >= 0 && id < config.targetVocabulary) continue;
    throw new InvalidArgumentError(`${name}: expected an id below ${config.targetVocabulary}, received ${id}`, {
      argument: name,
      received: id,
    });
  }
  const tied = config.tiedOutput;
  if (config.sharedEmbedding && config.sourceVocabulary !== config.targetVocabulary) {
    throw new InvalidArgumentError(
      `targetVocabulary: expected ${config.sourceVocabulary}, since both sides share an embedding, received ${config.targetVocabulary}`,
      { argument: "targetVocabulary", expected: config.sourceVocabulary, received: config.targetVocabulary },
    );
  }
  if (embeddingWidth !== null && embeddingWidth !== width && (tied || !(embeddingWidth >= 1))) {
    throw new InvalidArgumentError(
      `embeddingWidth: expected ${width}${tied ? ", since the output projection is the embedding" : ""}, received ${embeddingWidth}`,
      { argument: "embeddingWidth", received: embeddingWidth },
    );
  }
  if (width % heads || width % 2) {
    throw new InvalidArgumentError(
      `width: expected an even multiple of heads (${heads}), received ${width}: change width or heads`,
      { argument: "width", received: width },
    );
  }
  return config;
}

const feedForwardOf = (x: Tensor, c: TransformerConfig, side: Side, i: number): Tensor =>
  residual(x, normKey(side, i, "feedForward"), c, (y) =>
    feedForward(
      y,
      dense(feedForwardKey(side, i, 1), c.feedForward, c.width),
      c.activation,
      dense(feedForwardKey(side, i, 2), c.width, c.feedForward),
    ),
  );

const last = (x: Tensor, c: TransformerConfig, side: Side): Tensor =>
  c.finalNorm ? nn.layerNorm(x, finalNormKey(side), c.eps) : x;

/**
 * Tokens to the input of a stack, `[N, S, C]`: embeddings times `scale` f32 `[1]` (sqrt(C) or 1) plus positions f32
 * `[S, C]`. Both are inputs of the program, because a checkpoint does not contain them.
 * @param tokens ids i32 `[N, S]`, or f32 `[N, S, vocabulary]`: one-hot rows, or any weights of the table's rows
 */
export function embedTokens(
  tokens: Tensor,
  scale: Tensor,
  positions: Tensor,
  c: TransformerConfig,
  side: Side,
): Tensor {
  return scope(`${side}.embedding`, () => {
    const rows = side === "encoder" ? c.sourceVocabulary : c.targetVocabulary;
    const [key, width] = [embeddingKey(side, c.sharedEmbedding), c.embeddingWidth ?? c.width];
    const table = () => parameter(`${key}.weight`, [rows, width]);
    const found =
      tokens.dtype === "i32"
        ? nn.embedding(tokens, key, rows, width)
        : nn.linearWith(tokens, nn.permute(table(), [1, 0]), null);
    const x = width === c.width ? found : nn.linear(found, `${key}_projection`, c.width, { bias: false });
    return nn.dropout(nn.binary(nn.binary(x, scale, "mul"), positions, "add"));
  });
}

/** Encoder: x `[N, S, C]`, mask u8 `[N, S]` (1 for a valid token) to the memory `[N, S, C]`. */
export function transformerEncoder(x: Tensor, mask: Tensor, c: TransformerConfig): Tensor {
  let y = x;
  for (let i = 0; i < c.encoderLayers; i++) {
    y = scope(`encoder.${i}`, () => {
      const weights = attentionWeights("encoder", i, "self", c.width);
      const attended = residual(y, normKey("encoder", i, "self"), c, (z) =>
        selfAttention(z, weights, { heads: c.heads, mask }),
      );
      return feedForwardOf(attended, c, "encoder", i);
    });
  }
  return last(y, c, "encoder");
}

/** Keys and values `[N, S, C]` of a layer. */
export interface KeyValue {
  key: Tensor;
  value: Tensor;
}

/** Keys and values of the memory `[N, S, C]` for each layer's cross-attention; all target tokens share them. */
export function memoryKeys(memory: Tensor, c: TransformerConfig): KeyValue[] {
  return Array.from({ length: c.decoderLayers }, (_, i) =>
    scope(`decoder.${i}.memory`, () => {
      const weights = attentionWeights("decoder", i, "cross", c.width);
      const [key, value] = projectTogether(memory, [weights.key, weights.value]);
      return { key, value };
    }),
  );
}

/** The keys and values of earlier tokens, to which the decoder's self-attention attends as well. */
export interface DecoderCache {
  /** Appends K and V of x to the layer's cache; returns the whole cache `[N, T', C]`. */
  join(layer: number, own: KeyValue): KeyValue;
  /** u8 `[N, T']`: the valid entries of the cache, including x. */
  mask: Tensor;
}

/**
 * Decoder: x `[N, T, C]`, each layer's keys and values of the memory, their mask u8 `[N, S]`, to `[N, T, C]`. Without a
 * cache a token attends to itself and the tokens before it; with one, x is a single token (T = 1).
 */
export function transformerDecoder(
  x: Tensor,
  memory: readonly KeyValue[],
  mask: Tensor,
  c: TransformerConfig,
  cache?: DecoderCache,
): { output: Tensor } {
  let y = x;
  for (let i = 0; i < c.decoderLayers; i++) {
    y = scope(`decoder.${i}`, () => {
      const own = attentionWeights("decoder", i, "self", c.width);
      const attended = residual(y, normKey("decoder", i, "self"), c, (z) => {
        const [q, key, value] = projectTogether(z, [own.query, own.key, own.value]);
        const seen = cache ? cache.join(i, { key, value }) : { key, value };
        const options: AttentionOptions = cache
          ? { heads: c.heads, mask: cache.mask }
          : { heads: c.heads, causal: true };
        return applyDense(scaledAttention(q, seen.key, seen.value, options), own.output);
      });
      const cross = attentionWeights("decoder", i, "cross", c.width);
      const informed = residual(attended, normKey("decoder", i, "cross"), c, (z) => {
        const q = applyDense(z, cross.query);
        const attention = scaledAttention(q, memory[i].key, memory[i].value, { heads: c.heads, mask });
        return applyDense(attention, cross.output);
      });
      return feedForwardOf(informed, c, "decoder", i);
    });
  }
  return { output: last(y, c, "decoder") };
}

/** Decoder output `[..., C]` to the logarithms of the probabilities of the next token, `[..., vocabulary]`. */
export const nextToken = (x: Tensor, c: TransformerConfig): Tensor =>
  applyOp(softmax, [tokenLogits(x, c)], { log: true })[0];

/** Decoder output `[..., C]` to logits of the next token, `[..., vocabulary]`. */
export function tokenLogits(x: Tensor, c: TransformerConfig): Tensor {
  return scope("output", () => {
    const key = c.tiedOutput ? embeddingKey("decoder", c.sharedEmbedding) : OUTPUT;
    const weight = parameter(`${key}.weight`, [c.targetVocabulary, c.width]);
    const scores = applyDense(x, { weight, bias: null });
    return nn.binary(scores, parameter(`${OUTPUT}.bias`, [c.targetVocabulary]), "add");
  });
}
