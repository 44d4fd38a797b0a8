/** The range of scores that all charts of an answer share. Zero is always in it. */
export interface Scale {
  low: number;
  high: number;
}

/** The scale of an answer: from its lowest to its highest score, and zero. So a bad hit looks like one. */
export function scaleOf(scores: Iterable<number>): Scale {
  let [low, high] = [0, 0];
  for (const score of scores) [low, high] = [Math.min(low, score), Math.max(high, score)];
  return high > low ? { low, high } : { low: 0, high: 1 };
}

/** The place of a score on the scale, from 0 at the top to 1 at the bottom. */
export const placeOf = (score: number, { low, high }: Scale): number => (high - score) / (high - low);
