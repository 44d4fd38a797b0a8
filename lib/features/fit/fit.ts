import { unknownShare } from "./content_words.js";

/** What unrelated sentences score with the rows of an index, and the score that is more than that. */
export interface IndexFit {
  /** Mean and standard deviation of the scores of unrelated sentences with rows of the index. */
  mean: number;
  sd: number;
  /**
   * Standard deviations above the mean that the best score of a sentence needs: measured with the model, or what half
   * of the unrelated sentences reach with their best row.
   */
  level: number;
}

/** Whether a sentence describes anything in an index. */
export interface SearchFit {
  /** False: nothing that was searched fits, and the hits are only the nearest. */
  fits: boolean;
  /** Why nothing fits: the best score is too low, or the model does not know the words. */
  reason?: "score" | "unknown-words" | undefined;
  /** The best score, and the lowest one that fits this sentence in this index; absent where scores cannot be judged. */
  best?: number | undefined;
  needed?: number | undefined;
  /** A sentence for people; absent if something fits. */
  message?: string | undefined;
}

/** A sentence of which the model does not know this share of the content words is not found, whatever its score. */
const UNKNOWN_LIMIT = 0.5;

/**
 * Judges the best score of a sentence. Unknown words raise the score that it needs, by their share of the content words.
 * @param best score; undefined if no row was searched
 * @param fit of the index; undefined if it could not be measured
 * @returns undefined if nothing can be said
 */
export function judgeFit(
  sentence: string,
  unknown: readonly string[],
  best: number | undefined,
  fit: IndexFit | undefined,
): SearchFit | undefined {
  const share = unknownShare(sentence, unknown);
  if (share >= UNKNOWN_LIMIT) {
    const words = [...new Set(unknown)].slice(0, 5).map((word) => JSON.stringify(word));
    const message = `Nothing in the index is known to fit: the model does not know ${words.join(", ")}`;
    return { fits: false, reason: "unknown-words", best, message };
  }
  if (fit === undefined || best === undefined) return undefined;
  const needed = fit.mean + fit.level * (1 + share) * fit.sd;
  if (best >= needed) return { fits: true, best, needed };
  const message = `Nothing in the index fits: the best score is ${best.toFixed(2)}, and ${needed.toFixed(2)} would set it apart from unrelated sentences`;
  return { fits: false, reason: "score", best, needed, message };
}
