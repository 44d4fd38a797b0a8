import type { AddedToken } from "./added_tokens.js";
import type { TokenizerFields } from "./tokenizer_fields.js";

const SPECIAL = { cls_token: "[CLS]", sep_token: "[SEP]", pad_token: "[PAD]", mask_token: "[MASK]" };
/** Settings of `BertTokenizer` that change ids, and the only values that are followed. */
const FIXED: Record<string, readonly unknown[]> = {
  do_basic_tokenize: [true],
  padding_side: ["right"],
  truncation_side: ["right"],
};

/** A special token of a configuration is a text, or an object with its content. */
export function tokenText(fields: TokenizerFields, field: string, value: unknown): string {
  return typeof value === "object" && value !== null
    ? fields.text(`${field}.content`, (value as { content?: unknown }).content)
    : fields.text(field, value);
}

/**
 * Checks that a `tokenizer_config.json` asks for nothing that would give other ids than those of this package.
 * @throws WeightsError for other special tokens than BERT's, another class of tokenizers, or a setting that is not followed
 */
export function checkVocabularyConfig(fields: TokenizerFields, config: Record<string, unknown>): void {
  for (const [field, expected] of Object.entries(SPECIAL)) {
    const value = config[field] ?? undefined;
    if (value !== undefined && tokenText(fields, field, value) !== expected) throw fields.fail(field, expected, value);
  }
  for (const [field, followed] of Object.entries(FIXED)) {
    const value = config[field];
    if (value !== undefined && !followed.includes(value)) throw fields.fail(field, String(followed[0]), value);
  }
  const { never_split: whole = null, tokenizer_class: kind = null } = config;
  if (whole !== null && !(Array.isArray(whole) && whole.length === 0)) throw fields.fail("never_split", "none", whole);
  // it splits Japanese words by a dictionary before it looks for pieces
  if (kind === "BertJapaneseTokenizer") throw fields.fail("tokenizer_class", "a tokenizer like BertTokenizer", kind);
}

/**
 * Checks that added tokens get the ids that the files state.
 * @param stated pairs of content and id; the first of a content counts
 * @throws WeightsError for a token that gets another id, because ids are given in a row behind the vocabulary
 */
export function checkStatedIds(
  fields: TokenizerFields,
  field: string,
  stated: Iterable<readonly [content: string, id: number]>,
  tokens: readonly AddedToken[],
): void {
  const ids = new Map(tokens.map(({ content, id }) => [content, id]));
  for (const [content, id] of stated) {
    const given = ids.get(content);
    if (given === undefined || given === id) continue;
    throw fields.fail(`${field}: ${JSON.stringify(content).slice(0, 100)}`, `the id ${given}, which it gets`, id);
  }
}

/**
 * The tokens of a `vocab.txt` by line. White space never reaches the vocabulary, and readers disagree on it: tokenizers cuts it off the
 * end of a line, transformers keeps it, and a carriage return alone ends a line for transformers only.
 * @throws WeightsError for a token that readers would take differently
 */
export function vocabularyLines(fields: TokenizerFields, text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  lines.forEach((token, i) => {
    if (token.includes("\r") || (SPACE_AT_END.test(token) && !ONLY_SPACE.test(token)))
      throw fields.fail(`line ${i + 1}`, "a token without white space at its end", JSON.stringify(token));
  });
  return lines;
}
const SPACE_AT_END = /\p{White_Space}$/u;
const ONLY_SPACE = /^\p{White_Space}*$/u;
