/** English words that say nothing about what a video shows, and words of asking for one. */
const FUNCTION_WORDS = new Set(
  `a an the this that these those some any each every no not and or but if than as so of in on at to from by for with without
  into onto out up down over under about through between near after before while during off is are was were be been being am
  do does did has have had having can could will would shall should may might must there here it its he him his she her they
  them their we us our you your i me my one who whom whose which what where when how very just only also then too please show
  shows find search give want look looking see video videos clip clips scene scenes moment moments film picture`.split(
    /\s+/,
  ),
);

const WORD = /[\p{L}\p{M}\p{N}]+/gu;

const isContent = (word: string): boolean =>
  word.search(/[\p{L}\p{N}]/u) >= 0 && !FUNCTION_WORDS.has(word.toLowerCase());

/**
 * The share of a sentence's content words that a model does not know, from 0 to 1. Articles, prepositions and the like
 * do not count.
 */
export function unknownShare(sentence: string, unknown: readonly string[]): number {
  const missing = unknown.filter(isContent).length;
  if (missing === 0) return 0;
  const content = (sentence.match(WORD) ?? []).filter(isContent).length;
  return Math.min(1, missing / Math.max(1, content));
}
