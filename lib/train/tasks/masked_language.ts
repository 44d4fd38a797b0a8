import { InvalidArgumentError } from "../../base/errors.js";
import type { Random } from "../../base/random.js";

/** Target of a position that is not predicted. */
export const IGNORE = -100;

export interface MaskingOptions {
  maskId: number;
  /** Random replacement tokens have ids from 0 to below this. */
  vocabulary: number;
  /** Ids that are never masked: [CLS], [SEP], [PAD]. */
  special: readonly number[];
  /** Share of the tokens to be predicted. Default 0.15. */
  rate?: number | undefined;
}

export interface MaskedTokens {
  ids: number[];
  /** Predicted positions, ascending. */
  places: number[];
  /** The original tokens at these positions. */
  labels: number[];
}

/**
 * BERT's masking (Devlin et al. 2019, section 3.1). Of the tokens that are not special, a share of `rate` (at least
 * one) is predicted. Of these 80 % become [MASK], 10 % a random token that is not special, and 10 % stay.
 */
export function maskTokens(ids: readonly number[], random: Random, options: MaskingOptions): MaskedTokens {
  const { maskId, vocabulary, special, rate = 0.15 } = options;
  if (!(rate > 0 && rate <= 1)) {
    throw new InvalidArgumentError(`rate: expected above 0 to 1, received ${rate}`, {
      argument: "rate",
      received: rate,
    });
  }
  const candidates = ids.flatMap((id, place) => (special.includes(id) ? [] : [place]));
  const count = Math.min(candidates.length, Math.max(1, Math.round(candidates.length * rate)));
  const places = random.sample(candidates, count).sort((a, b) => a - b);
  const out = [...ids];
  for (const place of places) {
    const draw = random.integer(0, 9);
    if (draw < 8) out[place] = maskId;
    else if (draw === 8) out[place] = randomToken(random, vocabulary, [...special, maskId]);
  }
  return { ids: out, places, labels: places.map((place) => ids[place]) };
}

function randomToken(random: Random, vocabulary: number, special: readonly number[]): number {
  for (;;) {
    const id = random.integer(0, vocabulary - 1);
    if (!special.includes(id)) return id;
  }
}

/** A pair of texts and whether the second follows the first. */
export interface SentencePair {
  first: readonly number[];
  second: readonly number[];
  /** 0: the second text follows, as in BERT's published head; 1: it is from another document. */
  label: 0 | 1;
}

/**
 * BERT's next-sentence pairs: a random sentence with the next one, or in half of the cases with a random sentence of
 * another document. Documents are lists of sentences, which are lists of ids; there must be at least two documents with
 * two sentences each.
 */
export function nextSentencePair(documents: readonly (readonly (readonly number[])[])[], random: Random): SentencePair {
  const long = documents.flatMap((document, i) => (document.length >= 2 ? [i] : []));
  if (long.length === 0 || documents.length < 2) {
    throw new InvalidArgumentError("documents: expected two or more, with one of two sentences or more", {
      argument: "documents",
      received: documents.length,
    });
  }
  const own = long[random.integer(0, long.length - 1)];
  const place = random.integer(0, documents[own].length - 2);
  const first = documents[own][place];
  if (random.coin()) return { first, second: documents[own][place + 1], label: 0 };
  const drawn = random.integer(0, documents.length - 2);
  const other = documents[drawn < own ? drawn : drawn + 1];
  return { first, second: other[random.integer(0, other.length - 1)], label: 1 };
}
