// Word vectors are read in the formats of GloVe and word2vec, with and without a header, and other files are refused.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadWordVectors, wordTable, type WordVectorsOptions } from "#lib/text/word_vectors.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("word vectors");
const folder = temporaryFolder("vectors");

const WORDS = ["the", "Öl", ". . .", "naïve", "5", "soup"];
const values = (i: number) => [i + 0.5, -i / 4, 1e-3 * i, 3];
let files = 0;
function write(content: string | Buffer): string {
  const path = join(folder, `${files++}`);
  writeFileSync(path, content);
  return path;
}
const line = (word: string, i: number) => `${word} ${values(i).join(" ")}`;
const text = WORDS.map(line).join("\n");
const binary = (end: string, words = WORDS.filter((word) => !word.includes(" "))) =>
  Buffer.concat([
    Buffer.from(`${words.length} 4\n`),
    ...words.flatMap((word) => [
      Buffer.from(`${word} `),
      Buffer.from(Float32Array.from(values(WORDS.indexOf(word))).buffer),
      Buffer.from(end),
    ]),
  ]);

async function check(content: string | Buffer, words: string[], options?: WordVectorsOptions) {
  const vectors = await loadWordVectors(write(content), options);
  assert.equal(vectors.words, words);
  assert.is(vectors.dim, 4);
  words.forEach((word, row) => {
    assert.is(vectors.rows.get(word), row);
    assert.equal(vectors.data.slice(4 * row, 4 * row + 4), Float32Array.from(values(WORDS.indexOf(word))), word);
  });
  assert.is(vectors.data.length, 4 * words.length);
  return vectors;
}

test("GloVe's text format has no header, and word2vec's has one", async () => {
  await check(text, WORDS);
  await check(`${text}\n`, WORDS);
  await check(`6 4\n${text}\n`, WORDS);
  // word2vec's program ends lines with a space, some tools with a carriage return
  await check(`6 4\n${WORDS.map((word, i) => `${line(word, i)} \n`).join("")}`, WORDS);
  await check(text.replaceAll("\n", "\r\n"), WORDS);
  await check(gzipSync(text), WORDS);
});

test("word2vec's binary format is read with and without newlines", async () => {
  const words = WORDS.filter((word) => !word.includes(" "));
  for (const end of ["\n", ""]) {
    await check(binary(end), words);
    await check(binary(end), words, { format: "binary" });
    await check(gzipSync(binary(end)), words);
  }
});

test("a subset of the words can be read", async () => {
  await check(text, WORDS.slice(0, 2), { limit: 2 });
  await check(binary("\n"), ["the", "Öl"], { limit: 2 });
  await check(text, ["Öl", "soup"], { words: ["soup", "Öl", "stew"] });
  const again = await check(`${text}\n${line("the", 3)}`, WORDS);
  assert.is(again.duplicates, 1, "the first of two vectors is used, and duplicates are counted");
});

test("files can have more rows than are buffered", async () => {
  const many = Array.from({ length: 30_000 }, (_, i) => `w${i} ${i} ${i / 8}`);
  let reports = 0;
  for (const content of [many.join("\n"), gzipSync(many.join("\n"))]) {
    const vectors = await loadWordVectors(write(content), { onProgress: () => reports++ });
    assert.is(vectors.words.length, 30_000);
    for (const i of [0, 255, 256, 29_999]) assert.equal([...vectors.data.slice(2 * i, 2 * i + 2)], [i, i / 8]);
  }
  assert.is(reports, 8);
});

test("files that are not word vectors are refused", async () => {
  const refuse = (content: string | Buffer, pattern: RegExp, options?: WordVectorsOptions) =>
    refused(loadWordVectors(write(content), options), pattern, "ERR_WEIGHTS");
  await refuse("", /line 1/);
  await refuse("some words without numbers\n", /line 1/);
  await refuse(`${text}\nlate 1 2\n`, /word 7 .*expected a word and 4 numbers/);
  await refuse(`${text}\nlate 1 2 x 4\n`, /word 7 .*expected a word and 4 numbers/);
  await refuse(`${text}\nlate 1 2 nan 4\n`, /word 7/);
  await refuse(`9 4\n${text}\n`, /expected 9 words, found 6/);
  await refuse(binary("").subarray(0, -3), /word 5 .*ends inside it/);
  await refuse(`1000000000000 4\n${binary("").subarray(4).toString("latin1")}`, /ends inside it|ends early/);
  await refuse(Buffer.concat([Buffer.from("1 1\na "), Buffer.from(Float32Array.of(NaN).buffer)]), /no number/);
  await refuse(text, /binary format/, { format: "binary" });
  await refuse(Buffer.alloc(3 << 20, "a"), /line 1/);
  await refuse(gzipSync(text).subarray(0, 40), /cannot be read/);
  const missing = await loadWordVectors(join(folder, "none")).catch((error: Error) => error.message);
  assert.match(missing as string, /no such file/);
  const reason = new Error("enough");
  const aborted = await loadWordVectors(write(text), { signal: AbortSignal.abort(reason) }).catch((e: Error) => e);
  assert.is(aborted, reason);
});

test("a table for a vocabulary is made, and unknown words get a vector by the chosen rule", async () => {
  const vectors = await loadWordVectors(write(text));
  const vocabulary = ["[PAD]", "Soup", "the", "stew"];
  const { table, missing, dim } = wordTable(vectors, vocabulary, { unknown: "zeros" });
  assert.is(dim, 4);
  assert.equal(missing, ["[PAD]", "stew"]);
  const row = (from: Float32Array, i: number) => from.slice(4 * i, 4 * i + 4);
  assert.equal(row(table, 1), Float32Array.from(values(5)));
  assert.equal(row(table, 2), Float32Array.from(values(0)));
  assert.equal(row(table, 3), new Float32Array(4));
  assert.equal(wordTable(vectors, vocabulary, { lowercase: false }).missing, ["[PAD]", "Soup", "stew"]);
  const mean = wordTable(vectors, vocabulary, { unknown: "mean" }).table;
  const expected = [3, -0.625, 0.0025, 3];
  row(mean, 3).forEach((v, i) => assert.ok(Math.abs(v - expected[i]) < 1e-6));
  const random = wordTable(vectors, vocabulary).table;
  assert.equal(random, wordTable(vectors, vocabulary).table);
  assert.not.equal(row(random, 0), row(random, 3));
  assert.not.equal(random, wordTable(vectors, vocabulary, { seed: 2 }).table);
});

test.run();
