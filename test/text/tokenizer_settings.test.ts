// Settings of tokenizer files that affect ids are obeyed or refused: special tokens around texts, sides, added ids,
// lines of a vocabulary.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WeightsError } from "#lib/base/errors.js";
import { WordPieceTokenizer } from "#lib/text/wordpiece.js";
import { isError } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("tokenizer settings");
const fixtures = "test/fixtures/tokenizer";
const folder = temporaryFolder("tokenizer-settings");

const base = JSON.parse(readFileSync(join(fixtures, "tokenizer.json"), "utf8")) as Record<string, unknown>;
const expected = WordPieceTokenizer.load(fixtures).encode(["stir the soup", "soup"]);
const { cls, sep, size } = WordPieceTokenizer.load(fixtures);

function load(change: object): WordPieceTokenizer {
  const path = join(folder, "tokenizer.json");
  writeFileSync(path, JSON.stringify({ ...base, ...change }));
  return WordPieceTokenizer.load(path);
}

const refuses = (load: () => unknown, reason: RegExp): void => assert.throws(load, isError(WeightsError, reason));

const special = (name: string, id: number) => ({ id: name, ids: [id], tokens: [name] });
const add = (id: string, type_id = 0) => ({ SpecialToken: { id, type_id } });
const text = (id: string, type_id = 0) => ({ Sequence: { id, type_id } });
const template = {
  type: "TemplateProcessing",
  single: [add("[CLS]"), text("A"), add("[SEP]")],
  pair: [add("[CLS]"), text("A"), add("[SEP]"), text("B", 1), add("[SEP]", 1)],
  special_tokens: { "[CLS]": special("[CLS]", cls), "[SEP]": special("[SEP]", sep) },
};
const bert = { type: "BertProcessing", sep: ["[SEP]", sep], cls: ["[CLS]", cls] };

test("a post_processor that adds [CLS] and [SEP] around texts is accepted, and so is a file without one", () => {
  const named = { ...template, special_tokens: { "[CLS]": { id: "x", ids: [cls] }, "[SEP]": special("y", sep) } };
  for (const post_processor of [bert, template, named, null, undefined]) {
    assert.equal(load({ post_processor }).encode(["stir the soup", "soup"]), expected);
  }
});

test("a post_processor with other ids, types or order is refused, and the error quotes it", () => {
  const tokens = template.special_tokens;
  for (const [post_processor, reason] of [
    [{ ...bert, cls: ["[CLS]", sep] }, /post_processor\.cls: expected \["\[CLS\]",2\], received \["\[CLS\]",3\]/],
    [{ ...bert, sep: undefined }, /post_processor\.sep: .*received none/],
    [{ type: "RobertaProcessing", sep: ["[SEP]", sep], cls: ["[CLS]", cls] }, /post_processor\.type: .*RobertaProc/],
    [{ type: "ByteLevel" }, /post_processor\.type: .*received ByteLevel/],
    [{ ...template, single: [text("A"), add("[SEP]")] }, /post_processor\.single: .*received \[\{"Sequence"/],
    [{ ...template, single: [add("[CLS]"), text("A")] }, /post_processor\.single/],
    [{ ...template, single: [add("[CLS]", 1), text("A"), add("[SEP]")] }, /post_processor\.single/],
    [{ ...template, pair: template.single }, /post_processor\.pair/],
    [{ ...template, special_tokens: { ...tokens, "[CLS]": special("[CLS]", 1) } }, /post_processor\.single/],
    [{ ...template, special_tokens: { "[CLS]": tokens["[CLS]"] } }, /single\[2\]\.SpecialToken\.id: .*\[SEP\]/],
    [{ ...template, single: ["[CLS]"] }, /post_processor\.single\[0\]: expected an object/],
    [5, /post_processor: expected an object, received 5/],
  ] as const) {
    refuses(() => load({ post_processor }), reason);
  }
});

test("truncation and padding follow each call, on the right and with [PAD]", () => {
  const truncation = { direction: "Right", max_length: 3, strategy: "LongestFirst", stride: 0 };
  const padding = { strategy: { Fixed: 20 }, direction: "Right", pad_to_multiple_of: 8, pad_id: 0, pad_type_id: 0, pad_token: "[PAD]" }; // prettier-ignore
  assert.equal(load({ truncation, padding }).encode(["stir the soup", "soup"]), expected);
  for (const [change, reason] of [
    [{ truncation: { ...truncation, direction: "Left" } }, /truncation\.direction: expected Right, received Left/],
    [{ truncation: { ...truncation, strategy: "All" } }, /truncation\.strategy/],
    [{ truncation: {} }, /truncation\.max_length/],
    [{ padding: { ...padding, direction: "Left" } }, /padding\.direction: expected Right, received Left/],
    [{ padding: { ...padding, pad_id: 1 } }, /padding\.pad_id: expected 0, the id of \[PAD\], received 1/],
    [{ padding: { ...padding, pad_type_id: 1 } }, /padding\.pad_type_id/],
    [{ padding: { ...padding, strategy: "Fixed" } }, /padding\.strategy/],
  ] as const) {
    refuses(() => load(change), reason);
  }
});

/** A vocabulary with a configuration beside it. */
function loadVocabulary(config: object, lines?: string): WordPieceTokenizer {
  const path = join(folder, "vocab.txt");
  writeFileSync(path, lines ?? readFileSync(join(fixtures, "vocab.txt")));
  writeFileSync(join(folder, "tokenizer_config.json"), JSON.stringify(config));
  return WordPieceTokenizer.load(path);
}

test("settings beside a vocabulary are obeyed", () => {
  const same = { cls_token: "[CLS]", sep_token: { content: "[SEP]" }, mask_token: null, padding_side: "right" };
  const more = { do_basic_tokenize: true, never_split: null, tokenizer_class: "BertTokenizer" };
  assert.equal(loadVocabulary({ ...same, ...more }).encode(["stir the soup", "soup"]), expected);
  const added = { [size]: { content: "covid", normalized: true } };
  assert.is(loadVocabulary({ added_tokens_decoder: added }).encode("COVID").ids[1], size);
  assert.equal(loadVocabulary({ clean_text: false }).encode("so\u0000up").unknown, ["so\u0000up"]);
  assert.equal(loadVocabulary({ clean_text: true }).encode("so\u0000up").unknown, []);
});

test("settings beside a vocabulary that would give other ids are refused", () => {
  for (const [config, reason] of [
    [{ cls_token: "<s>" }, /cls_token: expected \[CLS\], received <s>/],
    [{ sep_token: { content: "</s>" } }, /sep_token: expected \[SEP\]/],
    [{ pad_token: 5 }, /pad_token: expected a text/],
    [{ padding_side: "left" }, /padding_side: expected right, received left/],
    [{ truncation_side: "left" }, /truncation_side: expected right, received left/],
    [{ do_basic_tokenize: false }, /do_basic_tokenize: expected true, received false/],
    [{ never_split: ["soup"] }, /never_split/],
    [{ tokenizer_class: "BertJapaneseTokenizer" }, /tokenizer_class/],
    [{ do_lower_case: null }, /do_lower_case: expected true or false, received null/],
    [{ added_tokens_decoder: { x: { content: "covid" } } }, /added_tokens_decoder\.x: expected an id/],
    [{ added_tokens_decoder: { 9999: { content: "covid" } } }, /"covid": expected the id 406, .*received 9999/],
    [{ added_tokens_decoder: { 5: { content: "[CLS]" } } }, /"\[CLS\]": expected the id 2, .*received 5/],
  ] as const) {
    refuses(() => loadVocabulary(config), reason);
  }
});

test("a line of a vocabulary that other readers interpret as another token is refused", () => {
  const start = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
  assert.is(loadVocabulary({}, `${start}the\r\n\u2028\ncat\n`).size, 7);
  refuses(() => loadVocabulary({}, `${start}the \ncat\n`), /line 5: expected a token without white space/);
  refuses(() => loadVocabulary({}, `${start}the\rcat\n`), /line 5: expected a token without white space/);
});

test.run();
