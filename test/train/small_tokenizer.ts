import { WordPieceTokenizer } from "#lib/text/wordpiece.js";

/** A tokenizer of a few words after [PAD] 0, [UNK] 1, [CLS] 2 and [SEP] 3. */
export function smallTokenizer(words: readonly string[]): WordPieceTokenizer {
  const tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", ...words];
  return new WordPieceTokenizer({
    vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
    unknown: "[UNK]",
    prefix: "##",
    maxWordLength: 100,
    cleanText: true,
    chineseCharacters: true,
    stripAccents: null,
    lowercase: true,
    added: [],
  });
}
