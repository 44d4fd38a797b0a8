import { WordPieceTokenizer } from "./wordpiece.js";

/** A `WordPieceTokenizer`, or another one, which puts [CLS] before and [SEP] behind the ids of a text. */
export interface PieceTokenizer {
  encode(text: string): { ids: readonly number[] };
}

/** Ids of the word pieces of a text, without [CLS] and [SEP]. */
export const pieceIds = (tokenizer: PieceTokenizer, text: string): readonly number[] =>
  tokenizer instanceof WordPieceTokenizer
    ? tokenizer.encode(text, { specialTokens: false }).ids
    : tokenizer.encode(text).ids.slice(1, -1);
