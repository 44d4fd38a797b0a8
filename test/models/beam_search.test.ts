// Beam search agrees with all sequences of a small language model, and obeys each of its rules.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "#lib/base/errors.js";
import {
  beamSearch,
  type Hypothesis,
  type NextTokens,
  type SearchOptions,
} from "#lib/models/transformer/beam_search.js";
import { hashValues } from "#lib/nn/random_weights.js";

const test = suite("beam_search");
const VOCABULARY = 5;
const END = 2;
const tokens = { start: 1, end: END, forbidden: [1] };

/** Log-probabilities after a prefix, computed by an arbitrary function of it. */
function model(source: number, prefix: readonly number[]): number[] {
  const logits = [...hashValues(`beam/${source}/`, prefix.join(), VOCABULARY)].map((v) => 2 * v);
  const sum = Math.log(logits.reduce((total, v) => total + Math.exp(v), 0));
  return logits.map((v) => v - sum);
}

/** The model as a step function that reorders rows by their parents. */
function stepper(sources: number, beams: number): { next: NextTokens; steps: () => number } {
  let prefixes: number[][] = [];
  let steps = 0;
  const next: NextTokens = async (last, parents, length) => {
    assert.is(last.length, sources * beams);
    assert.is(length, steps++);
    prefixes = Array.from(last, (token, row) => (length === 0 ? [] : [...prefixes[parents[row]], token]));
    return Float32Array.from(prefixes.flatMap((prefix, row) => model(Math.floor(row / beams), prefix)));
  };
  return { next, steps: () => steps };
}

const run = (sources: number, options: SearchOptions) =>
  beamSearch(stepper(sources, options.beams ?? 1).next, sources, tokens, options);

/** Every sequence with its score, in order of falling score. */
function exhaustive(source: number, maxLength: number, penalty: (n: number) => number): Hypothesis[] {
  const found: Hypothesis[] = [];
  const visit = (ids: number[], sum: number) => {
    model(source, ids).forEach((p, token) => {
      const n = ids.length + 1;
      if (tokens.forbidden.includes(token)) return;
      const total = sum + p;
      if (token === END) found.push({ ids, logProbability: total, score: total / penalty(n), ended: true });
      else if (n === maxLength)
        found.push({ ids: [...ids, token], logProbability: total, score: total / penalty(n), ended: false });
      else visit([...ids, token], total);
    });
  };
  visit([], 0);
  return found.sort((a, b) => b.score - a.score);
}

for (const [normalization, alpha] of [
  ["gnmt", 0.6],
  ["gnmt", 0],
  ["power", 1],
  ["power", 2],
] as const) {
  test(`wide beams find the best of all sequences: ${normalization} ${alpha}`, async () => {
    const maxLength = 4;
    const penalty = (n: number) => (normalization === "gnmt" ? (5 + n) / 6 : n) ** alpha;
    const results = await run(3, { beams: 300, maxLength, normalization, lengthPenalty: alpha });
    for (const [source, got] of results.entries()) {
      const expected = exhaustive(source, maxLength, penalty);
      for (let i = 0; i < 20; i++) {
        assert.equal(got[i].ids, expected[i].ids, `source ${source}, place ${i}`);
        assert.ok(Math.abs(got[i].score - expected[i].score) < 1e-5);
        assert.is(got[i].ended, expected[i].ended);
      }
    }
  });
}

test("greedy search selects the most probable token and stops at the end token", async () => {
  const results = await run(4, { maxLength: 9 });
  for (const [source, [best, ...others]] of results.entries()) {
    assert.is(others.length, 0);
    const ids: number[] = [];
    for (;;) {
      const scores = model(source, ids).map((p, token) => (token === 1 ? -Infinity : p));
      const token = scores.indexOf(Math.max(...scores));
      if (token === END) break;
      ids.push(token);
      if (ids.length === 9) break;
    }
    assert.equal(best.ids, ids);
    assert.is(best.ended, ids.length < 9);
  }
});

test("the results of a source depend neither on the other sources nor on their lengths", async () => {
  const options = { beams: 3, maxLength: 8 };
  const together = await run(4, options);
  assert.equal((await run(1, options))[0], together[0]);
  assert.equal((await run(2, options))[1], together[1]);
  for (const list of together) {
    assert.is(list.length, 3);
    assert.equal(
      list.map(({ score }) => score),
      list.map(({ score }) => score).sort((a, b) => b - a),
    );
  }
});

test("the search ends when no better result is possible", async () => {
  const sure: NextTokens = async (last) => {
    const row = [-9, -9, Math.log(0.9), -3, -3];
    return Float32Array.from(Array.from(last, () => row).flat());
  };
  let steps = 0;
  const counted: NextTokens = (...args) => (steps++, sure(...args));
  const [[best]] = await beamSearch(counted, 1, tokens, { beams: 2, maxLength: 100, lengthPenalty: 0 });
  assert.equal(best.ids, []);
  assert.ok(steps < 6, `${steps} steps`);
});

test("forbidden tokens never appear, and errors name wrong options", async () => {
  const all = (await run(4, { beams: 4, maxLength: 6 })).flat().flatMap(({ ids }) => ids);
  assert.not.ok(all.includes(1) || all.includes(END));
  for (const [options, pattern] of [
    [{ maxLength: 0 }, /maxLength: expected a positive integer, received 0/],
    [{ maxLength: 3, beams: 1.5 }, /beams/],
    [{ maxLength: 3, lengthPenalty: -1 }, /lengthPenalty/],
  ] as const) {
    const error = await run(1, options).catch((e: Error) => e);
    assert.instance(error, InvalidArgumentError);
    assert.match((error as Error).message, pattern);
  }
});

test.run();
