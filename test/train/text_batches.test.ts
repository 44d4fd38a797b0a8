// Batches of labelled texts: classes of texts, classes of spans, and answers in a context.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sequenceBatch, spanBatch, tokenBatch } from "#lib/train/tasks/text_batches.js";
import { IGNORE } from "#lib/train/tasks/masked_language.js";
import { smallTokenizer } from "./small_tokenizer.js";

const test = suite("text batches");
const tokenizer = smallTokenizer(["who", "cooked", "anna", "the", "soup", "##s"]);
const options = { padId: tokenizer.pad, length: 12 };
const row = (batch: ReturnType<typeof sequenceBatch>, name: string, i: number) =>
  [...batch.inputs[name].data].slice(12 * i, 12 * (i + 1));

test("texts of different lengths are padded, with their classes beside them", () => {
  const rows = [
    { text: tokenizer.encode("anna cooked"), label: 2 },
    { text: tokenizer.encode(["the soup", "who"]), label: 0 },
  ];
  const batch = sequenceBatch(rows, { trigram: true }, options);
  assert.is(batch.examples, 2);
  assert.equal(row(batch, "ids", 0), [...rows[0].text.ids, 0, 0, 0, 0, 0, 0, 0, 0]);
  assert.equal(row(batch, "types", 1), [0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0]);
  assert.equal(row(batch, "mask", 0), [1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  assert.equal(row(batch, "present", 0), row(batch, "mask", 0));
  assert.equal([...batch.inputs.labels.data], [2, 0]);
  assert.equal(sequenceBatch(rows, { trigram: false }, { padId: 0 }).inputs.ids.shape, [2, 16]);
  assert.throws(() => sequenceBatch(rows, { trigram: false }, { padId: 0, length: 5 }), /length: expected at least 6/);
});

test("a token has the class of the span that contains its first character", () => {
  const said = "the soups anna cooked";
  const ranges = [
    { start: said.indexOf("soups"), end: said.indexOf(" anna"), label: 3, inside: 4 },
    { start: said.indexOf("anna"), end: said.length, label: 1 },
  ];
  const batch = tokenBatch([{ text: tokenizer.encode(said), ranges }], { trigram: false }, options);
  // [CLS] the soup ##s anna cooked [SEP]
  assert.equal(row(batch, "labels", 0).slice(0, 8), [IGNORE, 0, 3, 4, 1, 1, IGNORE, IGNORE]);
  const other = tokenBatch(
    [{ text: tokenizer.encode([said, "who"]), ranges: [] }],
    { trigram: false },
    { ...options, outside: 9 },
  );
  assert.equal(row(other, "labels", 0), [IGNORE, 9, 9, 9, 9, 9, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE, IGNORE]);
});

test("an answer is found by its characters in the context, and a missing answer is [CLS]", () => {
  const [question, context] = ["who cooked the soup", "anna cooked the soups"];
  const text = tokenizer.encode([question, context]);
  const at = (part: string) => ({ start: context.indexOf(part), end: context.indexOf(part) + part.length });
  const cut = tokenizer.encode([question, context], { maxLength: 8, truncation: "only-second" });
  const rows = [
    { text, answer: at("anna") },
    { text, answer: at("the soups") },
    { text, answer: at("oup") }, // a part of a token
    { text, answer: null },
    { text: cut, answer: at("anna cooked the") }, // not completely in the row
  ];
  const { inputs } = spanBatch(rows, { trigram: false }, options);
  // [CLS] who cooked the soup [SEP] anna cooked the soup ##s [SEP]
  assert.equal([...inputs.starts.data], [6, 8, 9, 0, 0]);
  assert.equal([...inputs.ends.data], [6, 10, 9, 0, 0]);
});

test.run();
