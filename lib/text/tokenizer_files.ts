import { isUtf8 } from "node:buffer";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { WeightsError } from "../base/errors.js";
import { type AddedToken, addedTokenEntries, addedTokens } from "./added_tokens.js";
import { checkPadding, checkTruncation } from "./batch_settings.js";
import { writeDurably } from "../base/files.js";
import { JsonError, parseStrictJson } from "../weights/json.js";
import { checkPostProcessor } from "./special_template.js";
import { TokenizerFields } from "./tokenizer_fields.js";
import { checkStatedIds, checkVocabularyConfig, tokenText, vocabularyLines } from "./vocabulary_config.js";

/** The parts of a `tokenizer.json` (Hugging Face tokenizers) that WordPiece uses. */
export interface WordPieceConfig {
  vocab: Record<string, number>;
  unknown: string;
  prefix: string;
  maxWordLength: number;
  cleanText: boolean;
  chineseCharacters: boolean;
  /** `null`: the same as `lowercase`. */
  stripAccents: boolean | null;
  lowercase: boolean;
  /** Texts that are always one token, such as `[MASK]`. */
  added: readonly AddedToken[];
}

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/**
 * Text that is not UTF-8 is refused, as in the tokenizers library, because a replaced character would be another token.
 */
function readText(path: string): string {
  const bytes = readFileSync(path);
  if (!isUtf8(bytes)) throw new WeightsError(`${path}: the file is not UTF-8`, { file: path });
  return bytes.toString("utf8");
}

function readJson(path: string): Record<string, unknown> {
  const text = readText(path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new WeightsError(`${path}: expected a JSON file (${(cause as Error).message})`, { file: path, cause });
  }
  return new TokenizerFields(path).object("the file", value);
}

/** Parts of a `tokenizer.json`: one more may be a misspelt one, without which ids are others. */
const PARTS = "version truncation padding added_tokens normalizer pre_tokenizer post_processor decoder model".split(
  " ",
);

function fromTokenizerJson(path: string): WordPieceConfig {
  const fields = new TokenizerFields(path);
  const file = readJson(path);
  const { version = "1.0", pre_tokenizer: split, added_tokens: added = [] } = file;
  if (version !== "1.0") throw fields.fail("version", "1.0", version);
  const other = Object.keys(file).find((name) => !PARTS.includes(name));
  if (other !== undefined) throw fields.fail("the file", `only ${PARTS.join(", ")}`, other);
  const model = fields.object("model", file.model);
  // files written before tokenizers 0.10 have no type: the prefix tells WordPiece from BPE
  const type = model.type ?? (model.continuing_subword_prefix && !model.merges ? "WordPiece" : undefined);
  if (type !== "WordPiece") throw fields.fail("model.type", "WordPiece", type);
  const splitter = (split as { type?: unknown } | null | undefined)?.type;
  if (splitter !== "BertPreTokenizer") throw fields.fail("pre_tokenizer", "BertPreTokenizer", splitter);
  const vocab = fields.vocabulary("model.vocab", model.vocab);
  const config: WordPieceConfig = {
    vocab,
    unknown: fields.text("model.unk_token", model.unk_token),
    prefix: fields.text("model.continuing_subword_prefix", model.continuing_subword_prefix),
    maxWordLength: fields.count("model.max_input_chars_per_word", model.max_input_chars_per_word),
    ...readNormalizer(fields, file.normalizer),
    added: addedTokens(fields.added("added_tokens", added), vocab),
  };
  checkSpecialTokens(path, config);
  checkPostProcessor(fields, file.post_processor, { cls: specialId(config, "[CLS]"), sep: specialId(config, "[SEP]") });
  checkTruncation(fields, file.truncation);
  checkPadding(fields, file.padding, specialId(config, "[PAD]"));
  checkStrictJson(path);
  return config;
}

/** @throws WeightsError for JSON that the tokenizers library refuses: a name that an object has twice, half of a surrogate pair */
function checkStrictJson(path: string): void {
  try {
    parseStrictJson(readText(path).trimEnd());
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw new WeightsError(`${path}: ${cause.message}`, { file: path, cause });
  }
}

type Normalization = Pick<WordPieceConfig, "cleanText" | "chineseCharacters" | "stripAccents" | "lowercase">;

/** The flags of a `normalizer`; a file without one leaves texts as they are. */
function readNormalizer(fields: TokenizerFields, value: unknown): Normalization {
  if (value === undefined || value === null)
    return { cleanText: false, chineseCharacters: false, stripAccents: null, lowercase: false };
  const normalizer = fields.object("normalizer", value);
  if (normalizer.type !== "BertNormalizer") throw fields.fail("normalizer", "BertNormalizer", normalizer.type);
  const flag = (name: string) => fields.flag(`normalizer.${name}`, normalizer[name]);
  return {
    cleanText: flag("clean_text"),
    chineseCharacters: flag("handle_chinese_chars"),
    stripAccents: (normalizer.strip_accents ?? null) === null ? null : flag("strip_accents"),
    lowercase: flag("lowercase"),
  };
}

/**
 * Reads one token per line, whose id is the line's number. `tokenizer_config.json` in the same folder, if it exists,
 * has the other fields.
 */
function fromVocabulary(path: string): WordPieceConfig {
  const lines = vocabularyLines(new TokenizerFields(path), readText(path));
  const vocab = Object.fromEntries(lines.map((token, id) => [token, id]));
  const beside = join(dirname(path), "tokenizer_config.json");
  const config: Record<string, unknown> = existsSync(beside) ? readJson(beside) : {};
  const fields = new TokenizerFields(beside);
  checkVocabularyConfig(fields, config);
  const flag = (name: string) => fields.flag(name, config[name] === undefined ? true : config[name]);
  return {
    vocab,
    unknown: tokenText(fields, "unk_token", config.unk_token ?? "[UNK]"),
    prefix: fields.text("wordpieces_prefix", config.wordpieces_prefix ?? "##"),
    maxWordLength: 100,
    cleanText: flag("clean_text"),
    chineseCharacters: flag("tokenize_chinese_chars"),
    stripAccents: (config.strip_accents ?? null) === null ? null : flag("strip_accents"),
    lowercase: flag("do_lower_case"),
    added: addedBeside(path, fields.object("added_tokens_decoder", config.added_tokens_decoder ?? {}), vocab),
  };
}

/** The special tokens of a vocabulary, and those that the files beside it add, in the order of their ids. */
function addedBeside(path: string, decoder: Record<string, unknown>, vocab: Record<string, number>): AddedToken[] {
  const fields = new TokenizerFields(join(dirname(path), "tokenizer_config.json"));
  const special = SPECIAL.filter((content) => Object.hasOwn(vocab, content)).map((content) => {
    return { content, special: true, normalized: false };
  });
  const byId = <T>(entries: (readonly [T, number])[]) => entries.sort((a, b) => a[1] - b[1]);
  const described = byId(
    Object.entries(decoder).map(([id, entry]) => {
      const field = `added_tokens_decoder.${id.slice(0, 100)}`;
      if (!/^\d{1,10}$/.test(id)) throw fields.fail(field, "an id as the name", id);
      return [fields.addedToken(field, entry), Number(id)] as const;
    }),
  );
  const beside = join(dirname(path), "added_tokens.json");
  const besideFields = new TokenizerFields(beside);
  const named = existsSync(beside) ? byId(Object.entries(besideFields.vocabulary("the file", readJson(beside)))) : [];
  const others = named.map(([content]) => ({ content, special: false, normalized: true }));
  // a description goes before a bare name, and the first of a content counts
  const added = addedTokens([...described.map(([entry]) => entry), ...special, ...others], vocab);
  checkStatedIds(fields, "added_tokens_decoder", described.map(([{ content }, id]) => [content, id]), added); // prettier-ignore
  checkStatedIds(besideFields, "the file", named, added);
  return added;
}

/**
 * Reads the description of a WordPiece tokenizer.
 * @param path a `tokenizer.json`, a `vocab.txt`, or a folder with one of them (the first if it has both)
 * @throws WeightsError when there is none, or it is of another kind
 */
export function readTokenizerFiles(path: string): WordPieceConfig {
  let file = path;
  if (existsSync(path) && statSync(path).isDirectory()) {
    const found = ["tokenizer.json", "vocab.txt"].map((name) => join(path, name)).find((name) => existsSync(name));
    if (!found) throw new WeightsError(`${path}: expected tokenizer.json or vocab.txt in this folder`, { file: path });
    file = found;
  }
  if (!existsSync(file)) throw new WeightsError(`${file}: there is no such tokenizer file`, { file });
  const config = file.endsWith(".json") ? fromTokenizerJson(file) : fromVocabulary(file);
  checkSpecialTokens(file, config);
  return config;
}

/** Id of a token that the configuration has. */
const specialId = ({ added, vocab }: WordPieceConfig, token: string): number =>
  added.find(({ content }) => content === token)?.id ?? vocab[token];

/** @throws WeightsError where a token is missing that every encoding needs */
function checkSpecialTokens(file: string, { unknown, vocab, added }: WordPieceConfig): void {
  for (const token of [unknown, "[CLS]", "[SEP]", "[PAD]"]) {
    if (!Object.hasOwn(vocab, token) && !added.some(({ content }) => content === token)) {
      throw new WeightsError(`${file}: the vocabulary has no ${token}`, { file, key: token });
    }
  }
}

/** Writes a `tokenizer.json` (Hugging Face tokenizers) into a folder, completely or not at all. */
export function writeTokenizerFile(folder: string, config: WordPieceConfig): void {
  const special = (token: string): [string, number] => [token, specialId(config, token)];
  const json = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: addedTokenEntries(config.added),
    normalizer: {
      type: "BertNormalizer",
      clean_text: config.cleanText,
      handle_chinese_chars: config.chineseCharacters,
      strip_accents: config.stripAccents,
      lowercase: config.lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: { type: "BertProcessing", sep: special("[SEP]"), cls: special("[CLS]") },
    decoder: { type: "WordPiece", prefix: config.prefix, cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: config.unknown,
      continuing_subword_prefix: config.prefix,
      max_input_chars_per_word: config.maxWordLength,
      vocab: config.vocab,
    },
  };
  writeDurably(join(folder, "tokenizer.json"), `${JSON.stringify(json)}\n`);
}
