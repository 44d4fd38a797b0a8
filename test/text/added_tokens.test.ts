// Added tokens give the ids of Hugging Face's tokenizers library on random texts, with every flag, and are read from
// all files.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WordPieceTokenizer } from "#lib/text/wordpiece.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("added tokens");
const fixtures = "test/fixtures/tokenizer";
const folder = temporaryFolder("added");

const base = JSON.parse(readFileSync(join(fixtures, "tokenizer.json"), "utf8")) as {
  added_tokens: object[];
  model: { vocab: Record<string, number> };
};
const size = Object.keys(base.model.vocab).length;

/** The fixture's tokenizer with added tokens, and optionally another normaliser. */
function withTokens(added: object[], more: object = {}): string {
  const path = join(folder, "tokenizer.json");
  writeFileSync(path, JSON.stringify({ ...base, ...more, added_tokens: [...base.added_tokens, ...added] }));
  return path;
}

/** Normaliser, tokens, and cases: text, ids, offsets in code points. */
interface Reference {
  normalizer: object | null;
  added: object[];
  cases: [string, number[], [number, number][]][];
}
const golden = JSON.parse(gunzipSync(readFileSync(join(fixtures, "added_tokens.json.gz"))).toString()) as Reference[];

function check(tokenizer: WordPieceTokenizer, { added, cases }: Reference): void {
  for (const [text, ids, offsets] of cases) {
    const encoding = tokenizer.encode(text, { specialTokens: false });
    const points: number[] = [];
    [...text].forEach((point, i) => points.push(...new Array<number>(point.length).fill(i)));
    points.push([...text].length);
    const where = `${JSON.stringify(text)} with ${JSON.stringify(added)}`;
    assert.equal(encoding.ids, ids, where);
    assert.equal(encoding.offsets.map(([start, end]) => [points[start], points[end]]), offsets, where); // prettier-ignore
  }
}

test("ids and offsets equal the reference", () => {
  for (const reference of golden) {
    check(WordPieceTokenizer.load(withTokens(reference.added, { normalizer: reference.normalizer })), reference);
  }
  assert.is(
    golden.reduce((n, { cases }) => n + cases.length, 0),
    1800,
  );
});

test("a saved tokenizer keeps the flags", () => {
  const saved = mkdtempSync(join(folder, "saved-"));
  // a file without a normaliser is written with an identity normaliser
  for (const reference of golden.slice(0, 20)) {
    WordPieceTokenizer.load(withTokens(reference.added, { normalizer: reference.normalizer })).save(saved);
    check(WordPieceTokenizer.load(saved), reference);
  }
});

test("the flags of an added token decide whether it matches anywhere, as a whole word, or after normalisation", () => {
  const tokens = (flags: object, text: string) => {
    const none = { single_word: false, lstrip: false, rstrip: false, normalized: true, special: false };
    const added = { id: size, content: "covid", ...none, ...flags };
    const { ids, offsets } = WordPieceTokenizer.load(withTokens([added])).encode(text, { specialTokens: false });
    return offsets.filter((_, i) => ids[i] === size).map(([start, end]) => text.slice(start, end));
  };
  const text = "COVID covid covidish  cóvid";
  assert.equal(tokens({}, text), ["COVID", "covid", "covid", "cóvid"]);
  assert.equal(tokens({ single_word: true }, text), ["COVID", "covid", "cóvid"]);
  assert.equal(tokens({ normalized: false }, text), ["covid", "covid"]);
  assert.equal(tokens({ content: "COVID" }, text), ["COVID", "covid", "covid", "cóvid"]);
  assert.equal(tokens({ lstrip: true }, text), ["COVID", " covid", " covid", "  cóvid"]);
  assert.equal(tokens({ rstrip: true }, text), ["COVID ", "covid ", "covid", "cóvid"]);
});

test("the time for many tokens in a long text is proportional to their number", () => {
  const added = [
    { id: size, content: "covid", single_word: true, lstrip: true, rstrip: true, normalized: true, special: false },
  ];
  const { ids } = WordPieceTokenizer.load(withTokens(added)).encode("covid   ".repeat(50_000));
  assert.is(ids.filter((id) => id === size).length, 50_000);
});

test("files beside a vocabulary also add tokens", () => {
  const beside = mkdtempSync(join(folder, "vocab-"));
  writeFileSync(join(beside, "vocab.txt"), readFileSync(join(fixtures, "vocab.txt")));
  const described = { content: "covid", single_word: true, lstrip: false, rstrip: false, normalized: true };
  writeFileSync(
    join(beside, "tokenizer_config.json"),
    JSON.stringify({ added_tokens_decoder: { [size + 1]: { content: "<x>", normalized: false }, [size]: described } }),
  );
  writeFileSync(join(beside, "added_tokens.json"), JSON.stringify({ covid: size, mrna: size + 2 }));
  const { ids } = WordPieceTokenizer.load(beside).encode("COVID covidish <x> MRNA", { specialTokens: false });
  assert.is(ids[0], size);
  assert.equal(ids.slice(-2), [size + 1, size + 2]);
  assert.is(ids.filter((id) => id === size).length, 1);
});

test("an added token that is empty after normalisation is refused", () => {
  const path = withTokens([
    { id: size, content: "\u0301", single_word: false, lstrip: false, rstrip: false, normalized: true, special: false },
  ]);
  assert.throws(() => WordPieceTokenizer.load(path), /added token .*nothing is left of it when it is normalised/);
});

test.run();
