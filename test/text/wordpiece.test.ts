// WordPiece gives the results of Hugging Face's tokenizers library: ids, types and offsets; pairs, truncation and
// padding.
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError, WeightsError } from "#lib/base/errors.js";
import { loadTokenizer, WordPieceTokenizer } from "#lib/text/wordpiece.js";
import { isError } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("wordpiece");
const fixtures = "test/fixtures/tokenizer";
const folder = temporaryFolder("wordpiece");

interface Case {
  text: [string] | [string, string];
  lowercase: boolean;
  max_length: number | null;
  ids: number[];
  tokens: string[];
  types: number[];
  offsets: [number, number][];
}
const { cases } = JSON.parse(gunzipSync(readFileSync(join(fixtures, "cases.json.gz"))).toString()) as { cases: Case[] };

/** A folder with a vocabulary that keeps upper case. */
function cased(): string {
  copyFileSync(join(fixtures, "vocab.txt"), join(folder, "vocab.txt"));
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify({ do_lower_case: false }));
  return folder;
}

function check(tokenizer: WordPieceTokenizer, lowercase: boolean): number {
  const own = cases.filter((c) => c.lowercase === lowercase);
  for (const c of own) {
    const [a, b] = c.text;
    const encoding = tokenizer.encode(b === undefined ? a : [a, b], { maxLength: c.max_length ?? undefined });
    const where = JSON.stringify(c.text).slice(0, 60);
    assert.equal(encoding.ids, c.ids, `ids of ${where}`);
    assert.equal(encoding.tokens.slice(0, 40), c.tokens, `tokens of ${where}`);
    assert.equal(encoding.types, c.types, `types of ${where}`);
    // the reference counts code points
    const points = c.text.map((text) => {
      const at: number[] = [];
      [...text].forEach((point, i) => at.push(...new Array<number>(point.length).fill(i)));
      return [...at, [...text].length];
    });
    const offsets = encoding.offsets.map((offset, i) => offset.map((at) => points[Math.max(0, encoding.texts[i])][at]));
    assert.equal(offsets, c.offsets, `offsets of ${where}`);
  }
  return own.length;
}

test("tokenizer.json gives the reference's ids, types and offsets", () => {
  assert.is(check(WordPieceTokenizer.load(join(fixtures, "tokenizer.json")), true), cases.length / 2);
});

test("a saved tokenizer gives the same results", () => {
  for (const [lowercase, path] of [
    [true, join(fixtures, "vocab.txt")],
    [false, cased()],
  ] as const) {
    const saved = mkdtempSync(join(folder, "saved-"));
    WordPieceTokenizer.load(path).save(saved);
    assert.ok(check(WordPieceTokenizer.load(saved), lowercase) > 50);
  }
});

test("vocab.txt gives the same, and keeps upper case if the configuration says so", () => {
  assert.ok(check(WordPieceTokenizer.load(join(fixtures, "vocab.txt")), true) > 50);
  assert.ok(check(WordPieceTokenizer.load(cased()), false) > 50);
});

test("offsets are positions in the JavaScript string", () => {
  const text = "🍜 stir Crème";
  const { tokens, offsets } = WordPieceTokenizer.load(fixtures).encode(text);
  const at = tokens.indexOf("stir");
  assert.is(text.slice(...offsets[at]), "stir");
  assert.is(text.slice(offsets[tokens.indexOf("cr")][0]), "Crème");
});

test("truncation shortens the longer text first, or the named one", () => {
  const t = WordPieceTokenizer.load(fixtures);
  const pair = ["stir the soup stir the soup", "the soup"] as const;
  const count = (text: number, ...args: Parameters<typeof t.encode>) =>
    t.encode(...args).texts.filter((x) => x === text).length;
  for (const [maxLength, a, b] of [
    [20, 6, 2],
    [10, 5, 2],
    [7, 2, 2],
    [6, 2, 1],
    [3, 0, 0],
  ]) {
    assert.equal([count(0, pair, { maxLength }), count(1, pair, { maxLength })], [a, b], `to ${maxLength}`);
  }
  assert.is(count(1, pair, { maxLength: 10, truncation: "only-second" }), 1);
  assert.is(count(0, pair, { maxLength: 10, truncation: "only-second" }), 6);
  assert.throws(() => t.encode(pair, { maxLength: 6, truncation: "only-second" }), /use longest-first/);
  assert.throws(
    () => t.encode("soup", { maxLength: 1 }),
    (error: unknown) => error instanceof InvalidArgumentError,
  );
  assert.not.ok(t.encode("soup", { maxLength: 3 }).truncated);
  assert.ok(t.encode(pair, { maxLength: 10 }).truncated);
});

test("without special tokens, a text gives only its word pieces", () => {
  const t = WordPieceTokenizer.load(fixtures);
  const whole = t.encode("stir the soup");
  const bare = t.encode("stir the soup", { specialTokens: false });
  assert.equal(bare.ids, whole.ids.slice(1, -1));
  assert.equal(bare.offsets, whole.offsets.slice(1, -1));
  assert.equal(bare.texts, [0, 0, 0]);
  assert.equal(t.encode("", { specialTokens: false }).ids, []);
  const pair = ["stir the soup", "soup"] as const;
  assert.equal(t.encode(pair, { specialTokens: false }).types, [0, 0, 0, 1]);
  assert.equal(t.encode(pair, { specialTokens: false, maxLength: 3 }).types, [0, 0, 1]);
  assert.equal(t.encode("stir the soup", { specialTokens: false, maxLength: 2 }).ids, bare.ids.slice(0, 2));
  assert.equal(loadTokenizer(fixtures).encode("soup"), t.encode("soup"), "the deprecated name");
});

test("padding fills rows to the given length", () => {
  const t = WordPieceTokenizer.load(fixtures);
  const { shape, ids, types, mask } = t.pad2d([t.encode(["soup", "stir"]), t.encode("")], 6);
  assert.equal(shape, [2, 6]);
  assert.equal([...ids.subarray(6)], [t.cls, t.sep, t.pad, t.pad, t.pad, t.pad]);
  assert.equal([...types], [0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
  assert.equal([...mask], [1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0]);
  assert.throws(() => t.pad2d([t.encode("stir the soup")], 4), /at least 5/);
});

test("decoding joins continuations", () => {
  const t = WordPieceTokenizer.load(fixtures);
  assert.is(t.decode(t.encode("Width, soup").ids), "width , soup");
});

test("words with names of JavaScript object members are ordinary words", () => {
  const t = WordPieceTokenizer.load(fixtures);
  for (const word of ["constructor", "__proto__", "toString"]) {
    assert.ok(
      t.encode(word).ids.every((id) => Number.isInteger(id)),
      word,
    );
  }
});

test("the error for a field of another type names it", () => {
  const path = join(folder, "fields.json");
  const vocab = { "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3 };
  const added = { id: 0, content: "[PAD]", single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }; // prettier-ignore
  const normalizer = { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, lowercase: true };
  const whole = () => ({
    added_tokens: [added] as unknown,
    normalizer: normalizer as unknown,
    pre_tokenizer: { type: "BertPreTokenizer" } as unknown,
    model: { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 100, vocab } as unknown, // prettier-ignore
  });
  const load = (change: object) => {
    writeFileSync(path, JSON.stringify({ ...whole(), ...change }));
    return WordPieceTokenizer.load(path);
  };
  assert.is(load({}).size, 4);
  const model = whole().model as object;
  for (const [change, reason] of [
    [{ added_tokens: 5 }, /added_tokens: expected a list, received 5/],
    [{ added_tokens: [null] }, /added_tokens\[0\]: expected an object/],
    [{ added_tokens: [{ id: 0 }] }, /added_tokens\[0\]\.content: expected a text, received none/],
    [{ added_tokens: [{ content: "x", lstrip: 1 }] }, /added_tokens\[0\]\.lstrip: expected true or false/],
    [{ added_tokens: [{ ...added, rstrip: undefined }] }, /added_tokens\[0\]\.rstrip: .* received none/],
    [{ added_tokens: [{ ...added, id: undefined }] }, /added_tokens\[0\]\.id: expected an id, received none/],
    [{ normaliser: normalizer }, /the file: expected only version, .* received normaliser/],
    [{ normalizer: { ...normalizer, lowercase: "no" } }, /normalizer\.lowercase: expected true or false/],
    [{ normalizer: { ...normalizer, clean_text: undefined } }, /normalizer\.clean_text: .* received none/],
    [{ normalizer: false }, /normalizer: expected an object, received false/],
    [{ version: "2.0" }, /version: expected 1\.0, received 2\.0/],
    [{ model: { ...model, continuing_subword_prefix: undefined } }, /continuing_subword_prefix: .* received none/],
    [{ model: { ...model, max_input_chars_per_word: null } }, /max_input_chars_per_word: .* received null/],
    [{ model: { ...model, vocab: { ...vocab, "\ud800": 4 } } }, /model\.vocab: .* half of a surrogate pair/],
    [{ model: null }, /model: expected an object/],
    [{ model: { ...model, vocab: undefined } }, /model\.vocab: expected an object, received none/],
    [{ model: { ...model, vocab: { ...vocab, a: "4" } } }, /model\.vocab: "a": expected an id, received 4/],
    [{ model: { ...model, vocab: { ...vocab, a: -1 } } }, /model\.vocab: "a": expected an id/],
    [{ model: { ...model, vocab: { ...vocab, a: 1 } } }, /model\.vocab: "a": expected an id that no other token has/],
    [{ model: { ...model, unk_token: 1 } }, /model\.unk_token: expected a text/],
    [{ model: { ...model, max_input_chars_per_word: 1.5 } }, /max_input_chars_per_word: expected a whole number/],
  ] as [object, RegExp][]) {
    assert.throws(() => load(change), isError(WeightsError, reason));
  }
  writeFileSync(path, JSON.stringify(whole()).replace('"lstrip":false', '"lstrip":true,"lstrip":false'));
  assert.throws(() => WordPieceTokenizer.load(path), /fields\.json: duplicate key "lstrip"/);
  writeFileSync(path, JSON.stringify({ ...whole(), decoder: { type: "\ud800" } }));
  assert.throws(() => WordPieceTokenizer.load(path), /half of a surrogate pair/);
  for (const text of ["null", "[]", "1"]) {
    writeFileSync(path, text);
    assert.throws(() => WordPieceTokenizer.load(path), /the file: expected an object/);
  }
});

test("files that are not UTF-8 are refused: a replacement character would be another token", () => {
  for (const name of ["latin.json", "latin.txt"]) {
    writeFileSync(join(folder, name), Buffer.from("[PAD]\n[UNK]\n[CLS]\n[SEP]\ncaf\xe9\n", "latin1"));
    assert.throws(() => WordPieceTokenizer.load(join(folder, name)), /the file is not UTF-8/);
  }
});

test("other tokenizers and files are refused", () => {
  const path = join(folder, "bpe.json");
  writeFileSync(path, JSON.stringify({ model: { type: "BPE" } }));
  const isWeightsError = (error: unknown) => error instanceof WeightsError;
  assert.throws(() => WordPieceTokenizer.load(path), /expected WordPiece, received BPE/);
  writeFileSync(path, "{");
  assert.throws(() => WordPieceTokenizer.load(path), isWeightsError);
  assert.throws(() => WordPieceTokenizer.load(join(folder, "none")), /no such tokenizer file/);
  const empty = mkdtempSync(join(folder, "empty-"));
  assert.throws(() => WordPieceTokenizer.load(empty), /expected tokenizer.json or vocab.txt/);
  writeFileSync(join(empty, "vocab.txt"), "a\nb\n");
  assert.throws(() => WordPieceTokenizer.load(empty), /has no \[UNK\]/);
});

test.run();
