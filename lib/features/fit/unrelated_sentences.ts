import { Random } from "../../base/random.js";

/** How many unrelated sentences an index is measured with. */
const SENTENCES = 256;
/** Words of a sentence, at least and at most. */
const [SHORTEST, LONGEST] = [3, 12];
/** A vocabulary with fewer words cannot make sentences that differ. */
const FEWEST = 16;
const SEED = 1;
/** A separate stream, so that no other draw of this seed is repeated. */
const STREAM = 0xf17;

/** Words for encoders that do not tell theirs. */
const COMMON_WORDS = `
a the of in on with and under behind near two three many old new small large red blue green white black bright dark quiet
man woman child dog cat bird horse house street river garden kitchen table chair window door car train boat paper book letter
music water bread soup onion knife spoon stone tree flower hill cloud rain snow night morning winter city village market
walks runs sits stands sleeps reads writes cuts stirs pours opens closes builds paints washes throws catches climbs falls
turns slowly quickly again together alone money law history number question answer reason price letter engine shirt shoe`;

/**
 * Sentences of random words, always the same ones for a vocabulary. They describe nothing in particular, so their scores
 * with an index show what a sentence scores that has nothing to do with it.
 * @param vocabulary words of the model; default: common English words
 */
export function unrelatedSentences(vocabulary: readonly string[] = []): string[] {
  const own = [...new Set(vocabulary)].filter((word) => /^\p{L}[\p{L}\p{M}]*$/u.test(word));
  const words = own.length < FEWEST ? COMMON_WORDS.trim().split(/\s+/) : own;
  return Array.from({ length: SENTENCES }, (_, i) => {
    const random = new Random(SEED, STREAM, i);
    const length = random.integer(SHORTEST, LONGEST);
    return Array.from({ length }, () => words[random.integer(0, words.length - 1)]).join(" ");
  });
}
