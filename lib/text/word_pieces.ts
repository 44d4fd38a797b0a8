import * as library from "@huggingface/tokenizers";
import { WeightsError } from "../base/errors.js";
import { AddedTokenFinder } from "./added_tokens.js";
import type { WordPieceConfig } from "./tokenizer_files.js";

interface Normalizer {
  normalize(text: string): string;
}
interface Words {
  pre_tokenize_text(text: string): string[];
}
interface Model {
  tokens_to_ids: Map<string, number>;
  vocab: string[];
  encode(words: string[]): string[];
}
// Node cannot resolve the package's declarations, whose imports have no extensions
const { BertNormalizer, BertPreTokenizer, WordPiece } = library as unknown as {
  BertNormalizer: new (config: object) => Normalizer;
  BertPreTokenizer: new () => Words;
  WordPiece: new (config: object) => Model;
};

/** A token of a text: its id, and its position in UTF-16 code units (as in `text.slice`). */
export interface Piece {
  id: number;
  start: number;
  end: number;
  /** The word in its original spelling, if the vocabulary has no pieces for it. */
  unknown?: string | undefined;
}

/**
 * The Unicode ranges around which BERT inserts spaces, beyond the basic plane, because the library tests single code
 * units.
 */
const WIDE_CHINESE =
  /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B820}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/u;

/**
 * Splits texts into pieces. Normalisation, words and WordPiece are those of `@huggingface/tokenizers`, applied so that
 * each piece keeps its position. A text is normalised character by character, as in the reference (no rule of
 * tokenizers' BertNormalizer depends on neighbours).
 */
export class WordPieces {
  #normalizer: Normalizer;
  #words: Words = new BertPreTokenizer();
  #model: Model;
  readonly #raw: AddedTokenFinder;
  readonly #normalized: AddedTokenFinder;
  readonly #addedIds: ReadonlyMap<string, number>;
  readonly #addedContents: ReadonlyMap<number, string>;
  #normal = new Map<string, string>();

  constructor(readonly config: WordPieceConfig) {
    this.#normalizer = new BertNormalizer({
      type: "BertNormalizer",
      clean_text: config.cleanText,
      handle_chinese_chars: config.chineseCharacters,
      strip_accents: config.stripAccents ?? config.lowercase,
      lowercase: config.lowercase,
    });
    this.#model = new WordPiece({
      type: "WordPiece",
      vocab: config.vocab,
      unk_token: config.unknown,
      continuing_subword_prefix: config.prefix,
      max_input_chars_per_word: config.maxWordLength,
    });
    const { added } = config;
    this.#raw = new AddedTokenFinder(added.filter((token) => !token.normalized), ({ content }) => content); // prettier-ignore
    this.#normalized = new AddedTokenFinder(added.filter((token) => token.normalized), ({ content }) => this.#normalizedContent(content)); // prettier-ignore
    this.#addedIds = new Map(added.map(({ content, id }) => [content, id]));
    this.#addedContents = new Map(added.map(({ content, id }) => [id, content]));
  }

  /** Id of a token, or undefined. */
  id(token: string): number | undefined {
    return this.#addedIds.get(token) ?? this.#model.tokens_to_ids.get(token);
  }

  /** Pieces of a text, without [CLS] and [SEP]. */
  split(text: string): Piece[] {
    const pieces: Piece[] = [];
    for (const { start, end, token } of this.#raw.split(text)) {
      if (token) pieces.push({ id: token.id, start, end });
      else this.#splitNormalized(text.slice(start, end), start, pieces);
    }
    return pieces;
  }

  #normalizedContent(content: string): string {
    const normal = [...content].map((character) => this.#normalize(character)).join("");
    if (normal !== "") return normal;
    throw new WeightsError(`added token ${JSON.stringify(content)}: nothing is left of it when it is normalised`, {
      key: content,
      expected: "normalized: false, or a content with letters",
      received: content,
    });
  }

  #normalize(character: string): string {
    const known = this.#normal.get(character);
    if (known !== undefined) return known;
    const plain = this.#normalizer.normalize(character);
    const normal = this.config.chineseCharacters && WIDE_CHINESE.test(character) ? ` ${plain} ` : plain;
    this.#normal.set(character, normal);
    return normal;
  }

  /** Pieces of text at `offset`: normalised, then added tokens of normalised text, then words. */
  #splitNormalized(text: string, offset: number, pieces: Piece[]): void {
    let normal = "";
    const starts: number[] = []; // offset of the original character of each code unit of `normal`
    const ends: number[] = [];
    let at = offset;
    for (const character of text) {
      const part = this.#normalize(character);
      normal += part;
      for (let i = 0; i < part.length; i++) {
        starts.push(at);
        ends.push(at + character.length);
      }
      at += character.length;
    }
    for (const { start, end, token } of this.#normalized.split(normal)) {
      const add = (id: number, first: number, last: number, unknown = false) => {
        const place = { start: starts[first], end: ends[last - 1] };
        pieces.push({
          id,
          ...place,
          ...(unknown ? { unknown: text.slice(place.start - offset, place.end - offset) } : {}),
        });
      };
      if (token) add(token.id, start, end);
      else this.#splitWords(normal.slice(start, end), start, add);
    }
  }

  /** Word pieces of normalised text whose first code unit has the index `from`. */
  #splitWords(
    normal: string,
    from: number,
    add: (id: number, first: number, last: number, unknown: boolean) => void,
  ): void {
    const { prefix, unknown } = this.config;
    let place = 0;
    for (const word of this.#words.pre_tokenize_text(normal)) {
      let first = normal.indexOf(word, place);
      place = first + word.length;
      for (const token of this.#model.encode([word])) {
        // a word with the spelling of the unknown token is that token
        const missing = token === unknown && word !== unknown;
        const length =
          token === unknown ? place - first : token.length - (first > place - word.length ? prefix.length : 0);
        add(this.id(token)!, from + first, from + first + length, missing);
        first += length;
      }
    }
  }

  /** Words of ids; continuations are joined to the preceding pieces. */
  decode(ids: Iterable<number>): string {
    const { prefix } = this.config;
    let text = "";
    for (const id of ids) {
      const token = this.token(id);
      if (token.startsWith(prefix)) text += token.slice(prefix.length);
      else text += text ? ` ${token}` : token;
    }
    return text;
  }

  /** The token of an id; empty for an unknown id. */
  token(id: number): string {
    return this.#model.vocab[id] ?? this.#addedContents.get(id) ?? "";
  }
}
