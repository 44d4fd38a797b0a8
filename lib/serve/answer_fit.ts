import type { FeatureIndex } from "../features/feature_index.js";
import { type IndexFit, judgeFit, type SearchFit } from "../features/fit/fit.js";

/** A sentence that was searched for, and its unknown words. */
export interface Sentence {
  text: string;
  unknown: readonly string[];
}

/**
 * Whether anything fits a sentence in several indexes: something does where the score of one index does.
 * @param best scores of the indexes; those without a row are absent
 * @param fitOf what unrelated sentences score with an index; undefined if that is not measured
 */
export function fitOfAnswer(
  { text, unknown }: Sentence,
  best: ReadonlyMap<FeatureIndex, number>,
  fitOf: (index: FeatureIndex) => IndexFit | undefined,
): SearchFit | undefined {
  let nearest: SearchFit | undefined;
  for (const [index, score] of best) {
    const fit = judgeFit(text, unknown, score, fitOf(index));
    if (!fit) continue;
    const margin = ({ best: reached = 0, needed = reached }: SearchFit) => reached - needed;
    if (!nearest || (fit.fits && !nearest.fits) || (fit.fits === nearest.fits && margin(fit) > margin(nearest)))
      nearest = fit;
  }
  return nearest ?? judgeFit(text, unknown, undefined, undefined);
}
