import { InvalidArgumentError } from "../base/errors.js";
import { readTokenizerFiles, type WordPieceConfig, writeTokenizerFile } from "./tokenizer_files.js";
import { type Piece, WordPieces } from "./word_pieces.js";

/** A text, or a pair of texts. */
export type TextOrPair = string | readonly [string, string];

/** A tokenised text or pair: `[CLS] A [SEP]` or `[CLS] A [SEP] B [SEP]`. All lists have the same length. */
export interface Encoding {
  ids: number[];
  /** 0 up to the first [SEP], then 1. */
  types: number[];
  tokens: string[];
  /** Position of each token in its text, in UTF-16 code units; [0, 0] for special tokens. */
  offsets: [number, number][];
  /** Index of the text of each token: 0 or 1; -1 for special tokens. */
  texts: number[];
  /** Whether tokens were dropped to keep to `maxLength`. */
  truncated: boolean;
  /** Words that the vocabulary does not have, in their original spelling: each is one unknown token. */
  unknown: string[];
}

export interface EncodeOptions {
  /** Maximum tokens, including [CLS] and [SEP]. Default: no limit. */
  maxLength?: number | undefined;
  /**
   * The text that is cut: the longer one (both to the same length if needed), or one of them. Default `longest-first`.
   */
  truncation?: "longest-first" | "only-first" | "only-second" | undefined;
  /** Add [CLS] before and [SEP] after the texts. Default true. */
  specialTokens?: boolean | undefined;
}

/** Rows of equal length, row-major `[rows, length]`. */
export interface PaddedEncodings {
  shape: [number, number];
  ids: Int32Array;
  types: Int32Array;
  /** 1 for a token, 0 for padding. */
  mask: Uint8Array;
}

/**
 * WordPiece as in BERT (Devlin et al. 2019, arXiv 1810.04805; Wu et al. 2016, arXiv 1609.08144): ids, types and offsets
 * are those of Hugging Face's `BertTokenizerFast`.
 */
export class WordPieceTokenizer {
  #pieces: WordPieces;
  readonly pad: number;
  readonly cls: number;
  readonly sep: number;
  readonly unknown: number;
  /** Undefined if the vocabulary has no [MASK]. */
  readonly mask: number | undefined;

  /** @internal use `WordPieceTokenizer.load` */
  constructor(config: WordPieceConfig) {
    this.#pieces = new WordPieces(config);
    const id = (token: string) => this.#pieces.id(token)!;
    this.pad = id("[PAD]");
    this.cls = id("[CLS]");
    this.sep = id("[SEP]");
    this.unknown = id(config.unknown);
    this.mask = this.#pieces.id("[MASK]");
  }

  /**
   * Loads a tokenizer.
   * @param path a `tokenizer.json`, a `vocab.txt` (with an optional `tokenizer_config.json` in the same folder), or a
   * folder with one of them
   * @throws WeightsError when there is none, or it is of another kind
   */
  static load(path: string): WordPieceTokenizer {
    return new WordPieceTokenizer(readTokenizerFiles(path));
  }

  /** Number of ids: one more than the largest id. */
  get size(): number {
    const { vocab, added } = this.#pieces.config;
    const ids = added.map(({ id }) => id);
    return 1 + [...Object.values(vocab), ...ids].reduce((a, b) => Math.max(a, b), -1);
  }

  /** The token of an id, such as `##ing`; empty for an unknown id. */
  token(id: number): string {
    return this.#pieces.token(id);
  }

  /** Id of a token, or undefined. */
  id(token: string): number | undefined {
    return this.#pieces.id(token);
  }

  /** The tokens that are whole words of letters, in the order of their ids. */
  words(): string[] {
    return Object.entries(this.#pieces.config.vocab)
      .filter(([token]) => /^\p{L}[\p{L}\p{M}]*$/u.test(token))
      .sort(([, a], [, b]) => a - b)
      .map(([token]) => token);
  }

  /** @throws InvalidArgumentError when `maxLength` leaves no room, or the text to cut is too short */
  encode(text: TextOrPair, options: EncodeOptions = {}): Encoding {
    const [a, b] = typeof text === "string" ? [text] : text;
    const lists = [a, b].filter((t) => t !== undefined).map((t) => this.#pieces.split(t));
    const lengths = truncate(
      lists.map((list) => list.length),
      options,
    );
    return this.join(
      lists.map((list, i) => list.slice(0, lengths[i])),
      lengths.some((n, i) => n < lists[i].length),
      options.specialTokens,
    );
  }

  /** Adds [CLS] and [SEP] around pieces of one or two texts, unless `special` is false. @internal */
  join(lists: Piece[][], truncated: boolean, special = true): Encoding {
    const out: Encoding = { ids: [], types: [], tokens: [], offsets: [], texts: [], truncated, unknown: [] };
    const add = (piece: Piece, type: number, text: number) => {
      out.ids.push(piece.id);
      out.types.push(type);
      out.tokens.push(this.token(piece.id));
      out.offsets.push([piece.start, piece.end]);
      out.texts.push(text);
      if (piece.unknown !== undefined) out.unknown.push(piece.unknown);
    };
    if (special) add({ id: this.cls, start: 0, end: 0 }, 0, -1);
    lists.forEach((list, i) => {
      for (const piece of list) add(piece, i, i);
      if (special) add({ id: this.sep, start: 0, end: 0 }, i, -1);
    });
    return out;
  }

  /** Pieces of a text without [CLS] and [SEP]. @internal */
  pieces(text: string): Piece[] {
    return this.#pieces.split(text);
  }

  /** Encodings as rows of `length` tokens (default: that of the longest), padded with [PAD]. */
  pad2d(encodings: readonly Pick<Encoding, "ids" | "types">[], length?: number): PaddedEncodings {
    const S = length ?? encodings.reduce((n, { ids }) => Math.max(n, ids.length), 0);
    const N = encodings.length;
    const ids = new Int32Array(N * S).fill(this.pad);
    const [types, mask] = [new Int32Array(N * S), new Uint8Array(N * S)];
    encodings.forEach((encoding, row) => {
      if (encoding.ids.length > S) {
        throw new InvalidArgumentError(`length: expected at least ${encoding.ids.length}, received ${S}`, {
          argument: "length",
        });
      }
      ids.set(encoding.ids, row * S);
      types.set(encoding.types, row * S);
      mask.fill(1, row * S, row * S + encoding.ids.length);
    });
    return { shape: [N, S], ids, types, mask };
  }

  /** Writes `tokenizer.json` into a folder for `load`. */
  save(folder: string): void {
    writeTokenizerFile(folder, this.#pieces.config);
  }

  /** Text of ids: continuations are joined; [PAD], [CLS] and [SEP] are left out. */
  decode(ids: Iterable<number>): string {
    const added = new Set([this.pad, this.cls, this.sep]);
    return this.#pieces.decode([...ids].filter((id) => !added.has(id)));
  }
}

/** Number of tokens of each text after truncation, by tokenizers' rules. */
function truncate(
  lengths: number[],
  { maxLength, truncation = "longest-first", specialTokens = true }: EncodeOptions,
): number[] {
  if (maxLength === undefined) return lengths;
  const added = specialTokens ? lengths.length + 1 : 0;
  const room = maxLength - added;
  if (!Number.isInteger(maxLength) || room < 0) {
    throw new InvalidArgumentError(`maxLength: expected an integer of at least ${added}, received ${maxLength}`, {
      argument: "maxLength",
      expected: added,
      received: maxLength,
    });
  }
  const excess = lengths.reduce((a, b) => a + b, 0) - room;
  if (excess <= 0) return lengths;
  if (truncation !== "longest-first") {
    const which = truncation === "only-first" ? 0 : 1;
    if (which >= lengths.length || lengths[which] < excess) {
      throw new InvalidArgumentError(
        `truncation: ${truncation} cannot drop ${excess} tokens of ${lengths[which] ?? 0}; use longest-first`,
        { argument: "truncation" },
      );
    }
    return lengths.map((n, i) => (i === which ? n - excess : n));
  }
  if (lengths.length === 1) return [room];
  const shorter = Math.min(...lengths);
  // the shorter text is not cut if it takes at most half of the room; an odd token goes to the longer one
  const kept = shorter <= room - shorter ? shorter : Math.floor(room / 2);
  return lengths[0] <= lengths[1] ? [kept, room - kept] : [room - kept, kept];
}

/** @deprecated Use `WordPieceTokenizer.load`. */
export const loadTokenizer = (path: string): WordPieceTokenizer => WordPieceTokenizer.load(path);
