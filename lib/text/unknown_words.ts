/** Words of one text that the vocabulary does not have, in their original spelling. */
export interface UnknownOfText {
  /** Index of the text. */
  text: number;
  words: string[];
}

/** Number of words that the vocabulary does not have, and the most frequent of them. */
export interface UnknownWordsReport {
  count: number;
  examples: string[];
}

/** Maximum number of different words that are counted separately. */
const MAX_WORDS = 10_000;

/** Counts words that a vocabulary does not have. */
export class UnknownWords {
  readonly #counts = new Map<string, number>();
  #count = 0;

  /** Total number of unknown words, with repetitions. */
  get count(): number {
    return this.#count;
  }

  add(words: Iterable<string>): void {
    for (const word of words) {
      this.#count++;
      const seen = this.#counts.get(word);
      if (seen !== undefined || this.#counts.size < MAX_WORDS) this.#counts.set(word, (seen ?? 0) + 1);
    }
  }

  /** The most frequent words with their counts. */
  most(limit: number): [word: string, count: number][] {
    return [...this.#counts].sort((a, b) => b[1] - a[1]).slice(0, limit);
  }

  /** Goes on from earlier counts. @param count of all words, of which `words` are the most frequent */
  restore(count: number, words: readonly (readonly [word: string, count: number])[]): void {
    this.#count += count;
    for (const [word, seen] of words) this.#counts.set(word, (this.#counts.get(word) ?? 0) + seen);
  }

  report(examples = 5): UnknownWordsReport {
    return { count: this.#count, examples: this.most(examples).map(([word]) => word) };
  }
}

/** A sentence about unknown words; undefined if there are none. */
export function describeUnknown({ count, examples }: UnknownWordsReport): string {
  if (count === 0) return "";
  const list = examples.map((word) => JSON.stringify(word)).join(", ");
  const words = count === 1 ? "1 word is" : `${count} words are`;
  return `${words} not in the vocabulary of the model: ${list}${count > examples.length ? " ..." : ""}`;
}
