// A Transformer that is small enough for tests, with sources for it.
import type { TransformerConfig } from "#lib/models/transformer/transformer.js";
import type { StoredTensor } from "#lib/weights/index.js";
import { stored } from "#lib/weights/tensor.js";

export const small: Partial<TransformerConfig> = {
  width: 32,
  heads: 4,
  encoderLayers: 2,
  decoderLayers: 2,
  feedForward: 48,
  sourceVocabulary: 23,
  targetVocabulary: 19,
  finalNorm: false,
};
export const sources = [
  [5, 7, 9, 2],
  [3, 2],
  [11, 22, 4, 18, 6, 12, 13, 20, 9, 8, 7, 6, 5, 4, 3, 21, 2],
  [8, 8, 2],
  [17, 2],
];

/** A tensor as a checkpoint stores it. */
export const f32 = (shape: readonly number[], data: Float32Array): StoredTensor => stored(shape, () => data, "f32");

/** Weights of one model with the keys of both layouts: one stacked projection of queries, keys and values, or three. */
