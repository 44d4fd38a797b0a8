/** Ids of the word pieces of a text without [CLS] and [SEP], which the tokenizer puts around them. */
export const pieceIds = (tokenizer: { encode(text: string): { ids: readonly number[] } }, text: string): number[] =>
  tokenizer.encode(text).ids.slice(1, -1);
