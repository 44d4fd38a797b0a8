import { WordPieceTokenizer } from "./wordpiece.js";

/** Splits texts into word pieces. */
export interface PieceTokenizer {
  /**
   * Ids of a text's word pieces between [CLS] and [SEP]; without these if `specialTokens` is false and the tokenizer
   * supports it. Also the unknown words, if the tokenizer reports them.
   */
  encode(
    text: string,
    options?: { specialTokens?: boolean | undefined },
  ): { ids: readonly number[]; unknown?: readonly string[] | undefined };
}

/** Word pieces of a text without [CLS] and [SEP], and its unknown words. */
export function textPieces(
  tokenizer: PieceTokenizer,
  text: string,
): { ids: readonly number[]; unknown: readonly string[] } {
  const { ids, unknown = [] } = tokenizer.encode(text, { specialTokens: false });
  if (tokenizer instanceof WordPieceTokenizer) return { ids, unknown };
  // a custom tokenizer may ignore the option: then both calls give the same
  return { ids: tokenizer.encode(text).ids.length === ids.length ? ids.slice(1, -1) : ids, unknown };
}

/** Ids of the word pieces of a text without [CLS] and [SEP]. */
export const pieceIds = (tokenizer: PieceTokenizer, text: string): readonly number[] => textPieces(tokenizer, text).ids;
