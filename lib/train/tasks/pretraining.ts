import { binary, crossEntropy } from "../../ops/index.js";
import type { Tensor } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import type { TextConfig } from "../../models/text/text_config.js";
import {
  gatherTokens,
  maskedLanguageHead,
  nextSentenceHead,
  textEncoder,
  textPooler,
} from "../../models/text/text_heads.js";
import type { Random } from "../../base/random.js";
import { maskOf, padded } from "../batches.js";
import type { Batch, BatchArray, Task } from "../task.js";
import { IGNORE, type MaskingOptions, maskTokens, type SentencePair } from "./masked_language.js";

const loss = (logits: Tensor, targets: Tensor): Tensor =>
  applyOp(crossEntropy, [logits, targets, null], { ignoreIndex: IGNORE, smoothing: 0 })[0];

/**
 * Pre-training of Bert or MobileBert: masked language model and, if the batch has `follows`, next sentence. The losses
 * are added (Devlin et al. 2019, appendix A.2), and both are reported. Batches are those of {@link pretrainingBatch}.
 */
export function pretrainingTask(config: TextConfig): Task {
  return {
    forward: ({ ids, types, mask, places, labels, follows, present }): Record<string, Tensor> & { loss: Tensor } => {
      const hidden = textEncoder({ ids, types, mask, present }, config);
      const masked = loss(maskedLanguageHead(gatherTokens(hidden, places), config), labels);
      if (!follows) return { loss: masked };
      const next = loss(nextSentenceHead(textPooler(hidden, config)), follows);
      return { loss: applyOp(binary, [masked, next], { kind: "add" })[0], masked, next };
    },
  };
}

export interface PretrainingOptions extends MaskingOptions {
  clsId: number;
  sepId: number;
  padId: number;
  /** Tokens of a row, including [CLS] and both [SEP]; longer texts are cut. */
  length: number;
}

/** Pairs (or single texts, without `second`) as rows [CLS] first [SEP] second [SEP], masked. */
export function pretrainingBatch(
  pairs: readonly (SentencePair | { first: readonly number[]; second?: undefined })[],
  random: Random,
  config: Pick<TextConfig, "trigram">,
  options: PretrainingOptions,
): Batch {
  const { clsId, sepId, padId, length, rate = 0.15 } = options;
  const special = [...new Set([...options.special, clsId, sepId, padId])];
  const rows = pairs.map(({ first, second }) => {
    const [a, b] = fitted(first, second, length);
    return { ids: [clsId, ...a, sepId, ...(b ? [...b, sepId] : [])], split: a.length + 2 };
  });
  const max = pairs.length * Math.max(1, Math.round(length * rate));
  const places = new Int32Array(max);
  const labels = new Int32Array(max).fill(IGNORE);
  let at = 0;
  const masked = rows.map(({ ids }, row) => {
    const result = maskTokens(ids, random, { ...options, special });
    result.places.forEach((place, i) => {
      places[at] = row * length + place;
      labels[at++] = result.labels[i];
    });
    return result.ids;
  });
  const N = pairs.length;
  const types = rows.map(({ ids, split }) => ids.map((_, i) => (i < split ? 0 : 1)));
  const mask = maskOf(
    masked.map((row) => row.length),
    length,
  );
  const inputs: Record<string, BatchArray> = {
    ids: { data: padded(masked, length, padId), shape: [N, length] },
    types: { data: padded(types, length, 0), shape: [N, length] },
    mask: { data: mask, shape: [N, length] },
    places: { data: places, shape: [max] },
    labels: { data: labels, shape: [max] },
  };
  if (pairs[0].second) {
    const follows = pairs.map((pair) => (pair as SentencePair).label);
    inputs.follows = { data: Int32Array.from(follows), shape: [N] };
  }
  if (config.trigram) inputs.present = { data: Float32Array.from(mask), shape: [N, length, 1] };
  return { inputs, examples: N };
}

/** Cuts both texts to fit, from the end of the longer one, as BERT does. */
function fitted(
  first: readonly number[],
  second: readonly number[] | undefined,
  length: number,
): [readonly number[], readonly number[] | undefined] {
  if (!second) return [first.slice(0, length - 2), undefined];
  let [a, b] = [first.length, second.length];
  while (a + b > length - 3) {
    if (a > b) a--;
    else b--;
  }
  return [first.slice(0, a), second.slice(0, b)];
}
