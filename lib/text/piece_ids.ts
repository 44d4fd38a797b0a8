import { WordPieceTokenizer } from "./wordpiece.js";

/** Splits texts into word pieces. */
export interface PieceTokenizer {
  /** Ids of a text's word pieces between [CLS] and [SEP]; without them where `specialTokens` is false, if it knows the option. */
  encode(text: string, options?: { specialTokens?: boolean | undefined }): { ids: readonly number[] };
}

/** Ids of the word pieces of a text, without [CLS] and [SEP] around them. */
export function pieceIds(tokenizer: PieceTokenizer, text: string): readonly number[] {
  const { ids } = tokenizer.encode(text, { specialTokens: false });
  if (tokenizer instanceof WordPieceTokenizer) return ids;
  // a tokenizer of the caller's own may not know the option: then both calls give the same
  return tokenizer.encode(text).ids.length === ids.length ? ids.slice(1, -1) : ids;
}
