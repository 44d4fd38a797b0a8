import { UnknownWords } from "../text/unknown_words.js";

/** Words that are named in a pack with their counts. */
const NAMED = 100;
/** Captions with unknown words that are compared with later ones at most. */
const COMPARED = 200_000;

/** What a tokenizer did not know of the captions of a pack. */
export interface UnknownReport {
  /** Number of unknown words, with repetitions, and of captions that have one. */
  words: number;
  captions: number;
  /** The most frequent words with their counts. */
  most: [word: string, count: number][];
  /**
   * Captions that have the word pieces of another one, from which they differ in unknown words only: no model can tell
   * them apart. Counted among the captions of one run and the first 200,000 different ones.
   */
  equal: number;
  /** Two of them. */
  example?: [string, string] | undefined;
}

/** Counts unknown words of captions, and captions that became equal through them. */
export class UnknownCaptions {
  readonly words = new UnknownWords();
  #captions = 0;
  #equal = 0;
  #example: [string, string] | undefined;
  /** By word pieces: the first caption, its unknown words, and whether another one became equal to it. */
  readonly #seen = new Map<string, { text: string; unknown: string; found: boolean }>();

  /** @param ids word pieces of the caption @param unknown its words that the tokenizer does not know */
  add(text: string, ids: readonly number[], unknown: readonly string[]): void {
    if (unknown.length === 0) return;
    this.words.add(unknown);
    this.#captions++;
    const [key, words] = [ids.join(), unknown.join(" ").toLowerCase()];
    const first = this.#seen.get(key);
    if (!first) {
      if (this.#seen.size < COMPARED) this.#seen.set(key, { text, unknown: words, found: false });
      return;
    }
    if (first.unknown === words) {
      if (first.found) this.#equal++;
      return;
    }
    this.#equal += first.found ? 1 : 2;
    first.found = true;
    this.#example ??= [first.text, text];
  }

  /** Goes on from the report of an interrupted run. */
  restore({ words, captions, most, equal, example }: UnknownReport): void {
    this.words.restore(words, most);
    this.#captions += captions;
    this.#equal += equal;
    this.#example ??= example;
  }

  /** @returns undefined if all words were known */
  report(): UnknownReport | undefined {
    if (this.words.count === 0) return undefined;
    const most = this.words.most(NAMED);
    return { words: this.words.count, captions: this.#captions, most, equal: this.#equal, example: this.#example };
  }
}

/** Sentences about unknown words of captions and what they lead to. */
export function describeUnknownCaptions({ words, captions, most, equal, example }: UnknownReport): string[] {
  const named = most.slice(0, 5).map(([word, count]) => `${JSON.stringify(word)} (${count})`);
  const sentences = [
    `unknown words: ${words} in ${captions} captions, most often ${named.join(", ")}: the tokenizer does not have them, and the model cannot learn them`,
  ];
  if (!example) return sentences;
  const [one, other] = example.map((text) => JSON.stringify(text));
  return [...sentences, `equal captions: ${equal} became equal through unknown words, such as ${one} and ${other}`];
}
