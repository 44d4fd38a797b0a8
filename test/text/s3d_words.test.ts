// Sentences become word ids and rows of S3D-G's joint space.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadS3DTextEncoder, loadS3DWords, S3DTextEncoder, s3dWords, WeightsError } from "#lib/index.js";
import { npyBytes } from "#lib/weights/npy.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("s3d words");
const folder = temporaryFolder("words");

/** Writes an .npy file of strings like numpy: UCS-4, padded with zeros to the longest. */
function writeWords(words: string[]): string {
  const width = Math.max(...words.map((word) => [...word].length));
  const text = `{'descr': '<U${width}', 'fortran_order': False, 'shape': (${words.length},), }`;
  const header = Buffer.alloc(128, " ");
  header.write("\x93NUMPY\x01\x00", "latin1");
  header.writeUInt16LE(118, 8);
  header.write(text, 10, "latin1");
  const data = Buffer.alloc(words.length * width * 4);
  words.forEach((word, i) => {
    [...word].forEach((letter, j) => data.writeUInt32LE(letter.codePointAt(0)!, (i * width + j) * 4));
  });
  const path = join(folder, "words.npy");
  writeFileSync(path, Buffer.concat([header, data]));
  return path;
}

const WORDS = ["the", "egg", "it's", "crème", "2", "𝒳"];

test("ids are positions + 1, unknown words are dropped, zeros pad", () => {
  for (const words of [s3dWords(WORDS), loadS3DWords(writeWords(WORDS))]) {
    assert.is(words.size, 6);
    assert.equal([...words.encode(["The EGG, zebra: it's 2-crème!"], 8)], [1, 2, 3, 5, 4, 0, 0, 0]);
    assert.equal([...words.encode(["zebra", "", "egg ".repeat(20)], 2)], [0, 0, 0, 0, 2, 2]);
    assert.is(words.encode(["egg"]).length, 16);
  }
});

test("a list of numbers is refused", () => {
  const path = join(folder, "numbers.npy");
  writeFileSync(path, npyBytes(new Float32Array(3), [3], "f32"));
  assert.throws(() => loadS3DWords(path), /expected a list of words/);
});

test("the row of a sentence depends on its known words alone", async () => {
  const encoder = S3DTextEncoder.random(1, { vocabulary: WORDS, threads: 1 });
  const deprecated = await loadS3DTextEncoder({ randomWeights: 1, vocabulary: WORDS, threads: 1 });
  try {
    const texts = Array.from({ length: 40 }, (_, i) => (i % 2 ? "the egg" : "crème"));
    const { data: rows, shape } = await encoder.encode(texts);
    assert.equal(shape, [40, 512]);
    const [a, b] = [rows.slice(0, 512), rows.slice(512, 1024)];
    assert.not.equal(a, b);
    for (let i = 0; i < 40; i++) assert.equal(rows.slice(i * 512, (i + 1) * 512), i % 2 ? b : a);
    assert.equal((await encoder.encode(["The zebra EGG?"])).data, b);
    assert.equal((await deprecated.encode(["the egg"])).data, b);
    assert.equal((await encoder.encode([])).shape, [0, 512]);
  } finally {
    encoder.dispose();
    deprecated.dispose();
  }
});

test("more words than the embedding has rows are refused", async () => {
  const vocabulary = Array.from({ length: 66250 }, (_, i) => `w${i}`);
  let error: unknown;
  await loadS3DTextEncoder({ randomWeights: 1, vocabulary }).catch((reason) => {
    error = reason;
  });
  assert.instance(error, WeightsError);
});

test.run();
