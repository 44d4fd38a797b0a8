import { isUtf8 } from "node:buffer";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { WeightsError } from "../base/errors.js";
import { type AddedToken, addedTokenEntries, type AddedTokenEntry, addedTokens } from "./added_tokens.js";
import { writeDurably } from "../base/files.js";
import { TokenizerFields } from "./tokenizer_fields.js";

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

function fromTokenizerJson(path: string): WordPieceConfig {
  const fields = new TokenizerFields(path);
  const { model: described, normalizer: normal, pre_tokenizer: split, added_tokens: added } = readJson(path);
  const model = fields.object("model", described);
  // files from before tokenizers 0.10 have no type, but the prefix distinguishes WordPiece from BPE
  const type = model.type ?? (model.continuing_subword_prefix && !model.merges ? "WordPiece" : undefined);
  if (type !== "WordPiece") throw fields.fail("model.type", "WordPiece", type);
  const normalizer = normal ? fields.object("normalizer", normal) : undefined;
  if (normalizer && normalizer.type !== "BertNormalizer")
    throw fields.fail("normalizer", "BertNormalizer", normalizer.type);
  const splitter = (split as { type?: unknown } | null | undefined)?.type;
  if (splitter !== "BertPreTokenizer") throw fields.fail("pre_tokenizer", "BertPreTokenizer", splitter);
  const flag = (name: string) => fields.flag(`normalizer.${name}`, normalizer?.[name] ?? false);
  const vocab = fields.vocabulary("model.vocab", model.vocab);
  return {
    vocab,
    unknown: fields.text("model.unk_token", model.unk_token ?? "[UNK]"),
    prefix: fields.text("model.continuing_subword_prefix", model.continuing_subword_prefix ?? "##"),
    maxWordLength: fields.count("model.max_input_chars_per_word", model.max_input_chars_per_word ?? 100),
    cleanText: flag("clean_text"),
    chineseCharacters: flag("handle_chinese_chars"),
    stripAccents: normalizer && (normalizer.strip_accents ?? null) === null ? null : flag("strip_accents"),
    lowercase: flag("lowercase"),
    added: addedTokens(fields.added("added_tokens", added ?? []), vocab),
  };
}

/**
 * Reads one token per line, whose id is the line's number. `tokenizer_config.json` in the same folder, if it exists,
 * has the other fields.
 */
function fromVocabulary(path: string): WordPieceConfig {
  const lines = readText(path).split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const vocab = Object.fromEntries(lines.map((token, id) => [token, id]));
  const beside = join(dirname(path), "tokenizer_config.json");
  const config: Record<string, unknown> = existsSync(beside) ? readJson(beside) : {};
  const fields = new TokenizerFields(beside);
  const flag = (name: string, otherwise: boolean) => fields.flag(name, config[name] ?? otherwise);
  const unknown = (config.unk_token as { content?: unknown } | null | undefined)?.content ?? config.unk_token;
  return {
    vocab,
    unknown: fields.text("unk_token", unknown ?? "[UNK]"),
    prefix: "##",
    maxWordLength: 100,
    cleanText: true,
    chineseCharacters: flag("tokenize_chinese_chars", true),
    stripAccents: (config.strip_accents ?? null) === null ? null : flag("strip_accents", false),
    lowercase: flag("do_lower_case", true),
    added: addedTokens(
      addedBeside(path, fields.object("added_tokens_decoder", config.added_tokens_decoder ?? {}), vocab),
      vocab,
    ),
  };
}

/** The special tokens of a vocabulary, and those of the files in its folder, in the order of their ids. */
function addedBeside(path: string, decoder: Record<string, unknown>, vocab: Record<string, number>): AddedTokenEntry[] {
  const fields = new TokenizerFields(join(dirname(path), "tokenizer_config.json"));
  const special = SPECIAL.filter((content) => Object.hasOwn(vocab, content)).map((content) => {
    return { content, special: true, normalized: false };
  });
  const byId = (entries: [string, AddedTokenEntry][]) =>
    entries.sort((a, b) => Number(a[0]) - Number(b[0])).map(([, entry]) => entry);
  const described = byId(
    Object.entries(decoder).map(([id, entry]) => [id, fields.addedToken(`added_tokens_decoder.${id}`, entry)]),
  );
  const beside = join(dirname(path), "added_tokens.json");
  const named: [string, number][] = existsSync(beside)
    ? Object.entries(new TokenizerFields(beside).vocabulary("the file", readJson(beside)))
    : [];
  const others = byId(named.map(([content, id]) => [`${id}`, { content, special: false, normalized: true }]));
  // a description takes precedence over a name, and the first entry of a content wins
  return [...described, ...special, ...others];
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
  for (const token of [config.unknown, "[CLS]", "[SEP]", "[PAD]"]) {
    if (!Object.hasOwn(config.vocab, token) && !config.added.some(({ content }) => content === token)) {
      throw new WeightsError(`${file}: the vocabulary has no ${token}`, { file, key: token });
    }
  }
  return config;
}

/** Writes a `tokenizer.json` (Hugging Face tokenizers) into a folder, completely or not at all. */
export function writeTokenizerFile(folder: string, config: WordPieceConfig): void {
  const special = (token: string): [string, number] => {
    return [token, config.added.find(({ content }) => content === token)?.id ?? config.vocab[token]];
  };
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
