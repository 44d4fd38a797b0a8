import { WordPieceTokenizer } from "./wordpiece.js";

/** Splits texts into word pieces. */
interface Tokenizer {
  encode(text: string, options?: { specialTokens?: boolean | undefined }): { ids: readonly number[] };
}

/** Ids of the word pieces of a text, without [CLS] and [SEP] around them. */
export function pieceIds(tokenizer: Tokenizer, text: string): readonly number[] {
  const { ids } = tokenizer.encode(text, { specialTokens: false });
  if (tokenizer instanceof WordPieceTokenizer) return ids;
  // a tokenizer of the caller's own may not know the option: then both calls give the same
  return tokenizer.encode(text).ids.length === ids.length ? ids.slice(1, -1) : ids;
}
