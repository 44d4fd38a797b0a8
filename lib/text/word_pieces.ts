import * as library from "@huggingface/tokenizers";
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
// the package's own declarations cannot be resolved by Node's rules: their imports have no extensions
const { BertNormalizer, BertPreTokenizer, WordPiece } = library as unknown as {
  BertNormalizer: new (config: object) => Normalizer;
  BertPreTokenizer: new () => Words;
  WordPiece: new (config: object) => Model;
};

/** A token of a text: its id, and where it stands, in UTF-16 code units (as `text.slice` counts). */
export interface Piece {
  id: number;
  start: number;
  end: number;
}

/** The Unicode ranges around which BERT puts spaces, beyond the basic plane: the library tests single code units. */
const WIDE_CHINESE =
  /[\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B820}-\u{2CEAF}\u{2F800}-\u{2FA1F}]/u;

const escape = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");

/**
 * Splits texts into pieces: normalisation, words and WordPiece are those of `@huggingface/tokenizers`, applied so that
 * each piece knows where it comes from. A text is normalised character by character, as the reference does (tokenizers'
 * BertNormalizer has no rule that looks at neighbours).
 */
export class WordPieces {
  #normalizer: Normalizer;
  #words: Words = new BertPreTokenizer();
  #model: Model;
  #added: RegExp | undefined;
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
    // the longest first, so that none hides another
    const contents = [...config.added.keys()].sort((a, b) => b.length - a.length);
    this.#added = contents.length > 0 ? new RegExp(contents.map(escape).join("|"), "gu") : undefined;
  }

  /** Id of a token, or undefined. */
  id(token: string): number | undefined {
    return this.config.added.get(token) ?? this.#model.tokens_to_ids.get(token);
  }

  /** Pieces of a text, without [CLS] and [SEP]. */
  split(text: string): Piece[] {
    const pieces: Piece[] = [];
    let from = 0;
    for (const match of this.#added ? text.matchAll(this.#added) : []) {
      this.#splitPlain(text.slice(from, match.index), from, pieces);
      from = match.index + match[0].length;
      pieces.push({ id: this.config.added.get(match[0])!, start: match.index, end: from });
    }
    this.#splitPlain(text.slice(from), from, pieces);
    return pieces;
  }

  #normalize(character: string): string {
    const known = this.#normal.get(character);
    if (known !== undefined) return known;
    const plain = this.#normalizer.normalize(character);
    const normal = this.config.chineseCharacters && WIDE_CHINESE.test(character) ? ` ${plain} ` : plain;
    this.#normal.set(character, normal);
    return normal;
  }

  #splitPlain(text: string, offset: number, pieces: Piece[]): void {
    let normal = "";
    const starts: number[] = []; // of the character that each code unit of `normal` comes from
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
    const { prefix, unknown } = this.config;
    let place = 0;
    for (const word of this.#words.pre_tokenize_text(normal)) {
      let first = normal.indexOf(word, place);
      place = first + word.length;
      for (const token of this.#model.encode([word])) {
        const length =
          token === unknown ? place - first : token.length - (first > place - word.length ? prefix.length : 0);
        pieces.push({ id: this.id(token)!, start: starts[first], end: ends[first + length - 1] });
        first += length;
      }
    }
  }

  /** Words of ids: continuations are joined to what they continue. */
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

  /** The token of an id; empty where there is none. */
  token(id: number): string {
    return this.#model.vocab[id] ?? [...this.config.added].find(([, value]) => value === id)?.[0] ?? "";
  }
}
