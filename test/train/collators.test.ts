// Collators make batches: masking, sentence pairs, teacher forcing, orders of examples.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TRANSFORMER_BASE } from "#lib/models/transformer/transformer.js";
import { Random } from "#lib/base/random.js";
import { accuracy, shuffledBatches } from "#lib/train/batches.js";
import { IGNORE, maskTokens, nextSentencePair } from "#lib/train/tasks/masked_language.js";
import { pretrainingBatch } from "#lib/train/tasks/pretraining.js";
import { translationBatch } from "#lib/train/tasks/translation.js";

const test = suite("collators");
const MASK = 3;
const options = { maskId: MASK, vocabulary: 100, special: [0, 1, 2] };
const near = (value: number, expected: number, by: number) =>
  assert.ok(Math.abs(value - expected) < by, `${value}, expected ${expected}`);

test("15 % of the tokens are masked, 80/10/10, and never a special one", () => {
  const counts = { masked: 0, random: 0, kept: 0, places: 0, tokens: 0 };
  const random = new Random(1);
  for (let row = 0; row < 2000; row++) {
    const ids = [1, ...Array.from({ length: 40 }, () => random.integer(4, 99)), 2, 0, 0];
    const result = maskTokens(ids, random, options);
    assert.is(result.places.length, 6);
    assert.equal(
      result.labels,
      result.places.map((place) => ids[place]),
    );
    result.ids.forEach((id, place) => {
      if (!result.places.includes(place)) assert.is(id, ids[place]);
      else if (id === MASK) counts.masked++;
      else if (id === ids[place]) counts.kept++;
      else {
        counts.random++;
        assert.not([...options.special, MASK].includes(id));
      }
    });
    assert.ok(result.places.every((place) => place >= 1 && place <= 40));
    counts.places += result.places.length;
    counts.tokens += 40;
  }
  near(counts.places / counts.tokens, 0.15, 1e-9);
  near(counts.masked / counts.places, 0.8, 0.015);
  near(counts.random / counts.places, 0.1, 0.012);
  near(counts.kept / counts.places, 0.1, 0.012);
});

test("a text of one token is masked too, and an empty text is not", () => {
  assert.is(maskTokens([1, 50, 2], new Random(1), options).places.length, 1);
  assert.is(maskTokens([1, 2], new Random(1), options).places.length, 0);
  assert.throws(() => maskTokens([5], new Random(1), { ...options, rate: 0 }), /rate: expected above 0/);
});

test("half of the pairs are consecutive sentences; the others are from two documents", () => {
  // ids encode document and sentence
  const documents = [0, 1, 2].map((d) => [0, 1, 2, 3].map((s) => [100 * d + s]));
  const random = new Random(2);
  let follows = 0;
  const pairs = 4000;
  for (let i = 0; i < pairs; i++) {
    const { first, second, label } = nextSentencePair(documents, random);
    const [a, b] = [first[0], second[0]];
    if (label === 0) {
      follows++;
      assert.is(b, a + 1);
    } else assert.is.not(Math.floor(a / 100), Math.floor(b / 100));
  }
  near(follows / pairs, 0.5, 0.03);
  assert.throws(() => nextSentencePair([[[1]], [[2]]], random), /documents: expected two or more/);
});

test("rows of a pre-training batch are [CLS] a [SEP] b [SEP], cut to the length", () => {
  const rule = { ...options, clsId: 1, sepId: 2, padId: 0, length: 12 };
  const pairs = [
    { first: [10, 11, 12, 13, 14, 15, 16], second: [20, 21, 22, 23], label: 0 as const },
    { first: [30], second: [40, 41], label: 1 as const },
  ];
  const { inputs, examples } = pretrainingBatch(pairs, new Random(5), { trigram: true }, rule);
  assert.is(examples, 2);
  const row = (name: string, i: number) => [...inputs[name].data].slice(12 * i, 12 * (i + 1));
  const restored = [row("ids", 0), row("ids", 1)];
  const { places, labels } = inputs;
  [...places.data].forEach((place, i) => {
    if (labels.data[i] !== IGNORE) restored[Math.floor(place / 12)][place % 12] = labels.data[i];
  });
  assert.equal(restored[0], [1, 10, 11, 12, 13, 14, 2, 20, 21, 22, 23, 2]);
  assert.equal(restored[1], [1, 30, 2, 40, 41, 2, 0, 0, 0, 0, 0, 0]);
  assert.equal(row("types", 0), [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
  assert.equal(row("mask", 1), [1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
  assert.equal(row("present", 1), row("mask", 1));
  assert.equal([...inputs.follows.data], [0, 1]);
});

test("teacher forcing shifts the target by one position", () => {
  const config = { ...TRANSFORMER_BASE, width: 8, heads: 2 };
  const pairs = [
    { source: [5, 6, 7], target: [8, 9] },
    { source: [5], target: [4, 4, 4] },
  ];
  const { inputs } = translationBatch(pairs, config, 4);
  assert.equal([...inputs.target.data], [1, 8, 9, 0, 1, 4, 4, 4]);
  assert.equal([...inputs.labels.data], [8, 9, 2, IGNORE, 4, 4, 4, 2]);
  assert.equal([...inputs.sourceMask.data], [1, 1, 1, 0, 1, 0, 0, 0]);
  assert.equal(inputs.sourcePositions.shape, [4, 8]);
});

test("an epoch has every example once, in another order each time", () => {
  const batches = shuffledBatches(23, 5, 7);
  const epoch = (e: number) => [0, 1, 2, 3].flatMap((i) => batches(4 * e + i));
  assert.is(new Set(epoch(0)).size, 20);
  assert.not.equal(epoch(0), epoch(1));
  // the order is a function of the index, independent of earlier calls
  assert.equal(batches(1), shuffledBatches(23, 5, 7)(1));
  assert.throws(() => shuffledBatches(3, 5, 7), /expected at least 5/);
});

test("accuracy is over the targets that are not ignored", () => {
  const logits = Float32Array.of(0, 1, 2, 0, 5, 4);
  assert.is(accuracy(logits, [1, 0, IGNORE], 2), 1);
  assert.is(accuracy(logits, [1, 1, 0], 2), 2 / 3);
});

test.run();
