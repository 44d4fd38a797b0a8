/** A text that is always one token; the fields are those of Hugging Face's `added_tokens`. */
export interface AddedToken {
  content: string;
  id: number;
  /** Match only if no letter, digit or underscore is adjacent. */
  singleWord: boolean;
  /** The match includes white space before it. */
  lstrip: boolean;
  /** The match includes white space after it. */
  rstrip: boolean;
  /** Match in the normalised text (lower case, without accents); the token is normalised too. */
  normalized: boolean;
  special: boolean;
}

/** A part of a text: a match of an added token, or text between matches. In UTF-16 code units. */
interface TextPart {
  start: number;
  end: number;
  token?: AddedToken | undefined;
}

const WORD = "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]";
const WORD_AT_END = new RegExp(`${WORD}$`, "u");
const WORD_AT_START = new RegExp(`^${WORD}`, "u");
const SPACE = /\p{White_Space}/u;

const escape = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/** Whether a letter, digit or underscore is adjacent to a part of a text; a character has at most two code units. */
const isTouched = (text: string, start: number, end: number): boolean =>
  WORD_AT_END.test(text.slice(Math.max(0, start - 2), start)) || WORD_AT_START.test(text.slice(end, end + 2));

/** Finds added tokens in texts like Hugging Face's tokenizers (`AddedVocabulary`): leftmost first, then the longest. */
export class AddedTokenFinder {
  readonly #tokens = new Map<string, AddedToken>();
  readonly #pattern: RegExp | undefined;

  /**
   * @param contents the text by which each token is found; among equal ones the first wins (in tokenizers any of them)
   */
  constructor(tokens: readonly AddedToken[], contents: (token: AddedToken) => string) {
    for (const token of tokens) {
      const content = contents(token);
      if (!this.#tokens.has(content)) this.#tokens.set(content, token);
    }
    // the first matching alternative wins, so longer ones come first
    const all = [...this.#tokens.keys()].sort((a, b) => b.length - a.length);
    this.#pattern = all.length > 0 ? new RegExp(all.map(escape).join("|"), "gu") : undefined;
  }

  /** The parts of a text in order. With `rstrip` a part may overlap the next token, as in the reference. */
  split(text: string): TextPart[] {
    const parts: TextPart[] = [];
    let [done, covered] = [0, 0]; // the end of the last part, and the largest end so far
    for (const match of this.#pattern ? text.matchAll(this.#pattern) : []) {
      const token = this.#tokens.get(match[0])!;
      let [start, end] = [match.index, match.index + match[0].length];
      if (token.singleWord && isTouched(text, start, end)) continue;
      if (token.lstrip && start < done) start = done;
      while (token.lstrip && start > done && SPACE.test(text[start - 1])) start--;
      while (token.rstrip && end < text.length && SPACE.test(text[end])) end++;
      if (covered < start) parts.push({ start: covered, end: start });
      // white space that the previous token includes may leave nothing
      if (start < end) parts.push({ start, end, token });
      done = end;
      covered = Math.max(covered, end);
    }
    if (covered < text.length) parts.push({ start: covered, end: text.length });
    return parts;
  }
}

/** An entry of `added_tokens` or `added_tokens_decoder`. */
export interface AddedTokenEntry {
  content: string;
  single_word?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
  normalized?: boolean;
  special?: boolean;
}

/**
 * Tokens with the ids of tokenizers: that of the vocabulary if it has the content, otherwise the next free one. Each
 * content counts once.
 */
export function addedTokens(entries: readonly AddedTokenEntry[], vocab: Record<string, number>): AddedToken[] {
  const size = Object.keys(vocab).length;
  let next = size;
  const tokens = new Map<string, AddedToken>();
  for (const { content, single_word, lstrip, rstrip, special = false, normalized = !special } of entries) {
    if (content === "" || tokens.has(content)) continue;
    const id = Object.hasOwn(vocab, content) ? vocab[content] : next;
    if (id >= next) next = id + 1;
    const flags = { singleWord: single_word ?? false, lstrip: lstrip ?? false, rstrip: rstrip ?? false };
    tokens.set(content, { content, id, ...flags, normalized, special });
  }
  return [...tokens.values()];
}

/** Tokens as entries of a `tokenizer.json`, in the order of their ids. */
export const addedTokenEntries = (tokens: readonly AddedToken[]) =>
  [...tokens]
    .sort((a, b) => a.id - b.id)
    .map(({ id, content, singleWord, lstrip, rstrip, normalized, special }) => {
      return { id, content, single_word: singleWord, lstrip, rstrip, normalized, special };
    });
