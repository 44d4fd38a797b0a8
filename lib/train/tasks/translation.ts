import { crossEntropy } from "../../ops/index.js";
import { applyOp } from "../../graph/trace.js";
import { sinusoids } from "../../models/transformer/sinusoid.js";
import {
  embedTokens,
  memoryKeys,
  tokenLogits,
  transformerDecoder,
  transformerEncoder,
  type TransformerConfig,
} from "../../models/transformer/transformer.js";
import { maskOf, padded } from "../batches.js";
import type { Batch, Task } from "../task.js";
import { IGNORE } from "./masked_language.js";

/** Ids of a source and of its target, without start and end tokens. */
export interface TranslationPair {
  source: readonly number[];
  target: readonly number[];
}

/**
 * An encoder-decoder Transformer with teacher forcing: at every position of the target it predicts the next token from
 * the true previous ones. Batches are those of {@link translationBatch}.
 * @param options.smoothing share of the probability that is spread over all tokens; 0.1 in Vaswani et al. 2017. Default
 * 0
 */
export function translationTask(
  config: TransformerConfig,
  { smoothing = 0 }: { smoothing?: number | undefined } = {},
): Task {
  return {
    forward: ({ source, sourceMask, sourcePositions, target, targetPositions, labels, scale }) => {
      const x = embedTokens(source, scale, sourcePositions, config, "encoder");
      const memory = memoryKeys(transformerEncoder(x, sourceMask, config), config);
      const y = embedTokens(target, scale, targetPositions, config, "decoder");
      const { output } = transformerDecoder(y, memory, sourceMask, config);
      const logits = tokenLogits(output, config);
      return { loss: applyOp(crossEntropy, [logits, labels, null], { ignoreIndex: IGNORE, smoothing })[0] };
    },
  };
}

/**
 * Sources, and targets shifted by one: the decoder reads start, t1, t2, ... and predicts t1, t2, ..., end.
 * @param bucket lengths are rounded up to multiples of it
 */
export function translationBatch(pairs: readonly TranslationPair[], c: TransformerConfig, bucket = 16): Batch {
  const rounded = (n: number) => Math.ceil(n / bucket) * bucket;
  const N = pairs.length;
  const S = rounded(Math.max(...pairs.map(({ source }) => source.length)));
  const T = rounded(Math.max(...pairs.map(({ target }) => target.length)) + 1);
  const column = (data: Int32Array, size: number) => ({ data, shape: [N, size] });
  const lengths = pairs.map(({ source }) => source.length);
  const read = pairs.map(({ target }) => [c.startId, ...target]);
  const predicted = pairs.map(({ target }) => [...target, c.endId]);
  return {
    examples: N,
    inputs: {
      source: column(
        padded(
          pairs.map(({ source }) => source),
          S,
          0,
        ),
        S,
      ),
      sourceMask: { data: maskOf(lengths, S), shape: [N, S] },
      sourcePositions: { data: sinusoids(c.positions, S, c.width), shape: [S, c.width] },
      target: column(padded(read, T, 0), T),
      targetPositions: { data: sinusoids(c.positions, T, c.width), shape: [T, c.width] },
      labels: column(padded(predicted, T, IGNORE), T),
      scale: { data: Float32Array.of(c.scaleEmbedding ? Math.sqrt(c.width) : 1), shape: [1] },
    },
  };
}
