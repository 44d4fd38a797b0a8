import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { WeightsError } from "../errors.js";
import { type AddedToken, addedTokenEntries, type AddedTokenEntry, addedTokens } from "./added_tokens.js";
import { writeDurably } from "../files.js";

/** The parts of a `tokenizer.json` (Hugging Face tokenizers) that WordPiece has. */
export interface WordPieceConfig {
  vocab: Record<string, number>;
  unknown: string;
  prefix: string;
  maxWordLength: number;
  cleanText: boolean;
  chineseCharacters: boolean;
  /** `null` follows `lowercase`. */
  stripAccents: boolean | null;
  lowercase: boolean;
  /** Texts that are one token, such as `[MASK]`. */
  added: readonly AddedToken[];
}

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

function readJson(path: string) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new WeightsError(`${path}: expected a JSON file (${(cause as Error).message})`, { file: path, cause });
  }
}

function fromTokenizerJson(path: string): WordPieceConfig {
  const { model, normalizer, pre_tokenizer: split, added_tokens: added = [] } = readJson(path);
  const refuse = (what: string, expected: string, received: unknown): never => {
    throw new WeightsError(`${path}: ${what}: expected ${expected}, received ${received ?? "none"}`, {
      file: path,
      expected,
      received,
    });
  };
  // files written before tokenizers 0.10 have no type: the prefix tells WordPiece from BPE
  const type = model?.type ?? (model?.continuing_subword_prefix && !model.merges ? "WordPiece" : undefined);
  if (type !== "WordPiece") refuse("model.type", "WordPiece", type);
  if (normalizer && normalizer.type !== "BertNormalizer") refuse("normalizer", "BertNormalizer", normalizer.type);
  if (split?.type !== "BertPreTokenizer") refuse("pre_tokenizer", "BertPreTokenizer", split?.type);
  return {
    vocab: model.vocab,
    unknown: model.unk_token ?? "[UNK]",
    prefix: model.continuing_subword_prefix ?? "##",
    maxWordLength: model.max_input_chars_per_word ?? 100,
    cleanText: normalizer?.clean_text ?? false,
    chineseCharacters: normalizer?.handle_chinese_chars ?? false,
    stripAccents: normalizer ? (normalizer.strip_accents ?? null) : false,
    lowercase: normalizer?.lowercase ?? false,
    added: addedTokens(added, model.vocab),
  };
}

/** One token a line, the id is the line's number; `tokenizer_config.json` beside it, where there is one, says the rest. */
function fromVocabulary(path: string): WordPieceConfig {
  const lines = readFileSync(path, "utf8").split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const vocab = Object.fromEntries(lines.map((token, id) => [token, id]));
  const beside = join(dirname(path), "tokenizer_config.json");
  const config = existsSync(beside) ? readJson(beside) : {};
  return {
    vocab,
    unknown: config.unk_token?.content ?? config.unk_token ?? "[UNK]",
    prefix: "##",
    maxWordLength: 100,
    cleanText: true,
    chineseCharacters: config.tokenize_chinese_chars ?? true,
    stripAccents: config.strip_accents ?? null,
    lowercase: config.do_lower_case ?? true,
    added: addedTokens(addedBeside(path, config.added_tokens_decoder, vocab), vocab),
  };
}

/** The special tokens of a vocabulary, and those that the files beside it add, in the order of their ids. */
function addedBeside(path: string, decoder: unknown, vocab: Record<string, number>): AddedTokenEntry[] {
  const special = SPECIAL.filter((content) => Object.hasOwn(vocab, content)).map((content) => {
    return { content, special: true, normalized: false };
  });
  const byId = (entries: [string, AddedTokenEntry][]) =>
    entries.sort((a, b) => Number(a[0]) - Number(b[0])).map(([, entry]) => entry);
  const described = byId(Object.entries((decoder ?? {}) as Record<string, AddedTokenEntry>));
  const beside = join(dirname(path), "added_tokens.json");
  const named: [string, number][] = existsSync(beside) ? Object.entries(readJson(beside)) : [];
  const others = byId(named.map(([content, id]) => [`${id}`, { content, special: false, normalized: true }]));
  // a description goes before a bare name, and the first of a content counts
  return [...described, ...special, ...others];
}

/**
 * Reads the description of a WordPiece tokenizer.
 * @param path a `tokenizer.json`, a `vocab.txt`, or a folder with one of them (the first where it has both)
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

/** Writes a `tokenizer.json` (Hugging Face tokenizers) into a folder, whole or not at all. */
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
