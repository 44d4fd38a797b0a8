// Overlapping clips: properties of 100,000 draws, the alignments, and the peculiarities of the original code.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pairOverlap, samplePair, type SamplerOptions, type TokenisedCaptions } from "#lib/data/sampler.js";
import { Random } from "#lib/base/random.js";

const test = suite("sampler");

/** A video with captions of 1 to 12 tokens: some have gaps between them, others overlap. */
function video(seed: number): { captions: TokenisedCaptions; seconds: number } {
  const random = new Random(seed, 99);
  const count = random.integer(1, 60);
  const [start, end, ids]: [number[], number[], number[][]] = [[], [], []];
  let time = random.uniform() * 10;
  for (let i = 0; i < count; i++) {
    start.push(time);
    end.push(time + 0.3 + random.uniform() * 6);
    ids.push(Array.from({ length: random.integer(1, 12) }, () => random.integer(1000, 30000)));
    time += random.uniform() * 5;
  }
  const whole = Math.ceil(Math.max(...end));
  // the features of some videos end before the captions do
  return {
    captions: { start, end, ids },
    seconds: Math.max(Math.ceil(start[0]) + 1, random.integer(whole - 20, whole + 5)),
  };
}

test("in 100,000 draws, clips overlap and lengths are within their bounds", () => {
  for (let i = 0; i < 100_000; i++) {
    const { captions, seconds } = video(i % 500);
    const pair = samplePair(captions, seconds, new Random(1, 0, i));
    const [start, end] = pair.video;
    assert.ok(pairOverlap(pair) > 0, `draw ${i}: ${JSON.stringify(pair)}`);
    assert.ok(start >= 0 && end <= seconds);
    assert.ok(end - start <= 32 && end - start >= Math.min(3, seconds), `${end - start} s of ${seconds}`);
    assert.ok(pair.ids.length >= 1 && pair.ids.length <= 61);
    const [first, last] = pair.captions;
    const given = captions.ids.slice(first, last + 1).flat();
    assert.equal([...pair.ids], given.slice(0, 61));
  }
});

/** The chi-squared statistic of counts whose expected values are equal. */
function chiSquared(counts: number[]): number {
  const expected = counts.reduce((a, b) => a + b, 0) / counts.length;
  return counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
}

// each caption has 64 tokens, so the text clip is its centre caption alone
const long = (count: number): TokenisedCaptions => ({
  start: Array.from({ length: count }, (_, i) => 10 * i),
  end: Array.from({ length: count }, (_, i) => 10 * i + 10),
  ids: Array.from({ length: count }, () => new Array<number>(64).fill(1)),
});

test("the centre caption is uniform", () => {
  const counts = new Array<number>(20).fill(0);
  for (let i = 0; i < 100_000; i++) counts[samplePair(long(20), 200, new Random(2, 0, i)).captions[0]]++;
  assert.ok(chiSquared(counts) < 43.8, `${chiSquared(counts)} with 19 degrees of freedom`); // p = 0.001
});

test("the length and the position of the video clip are uniform", () => {
  const lengths = new Array<number>(30).fill(0);
  const offsets = new Array<number>(8).fill(0);
  for (let i = 0; i < 100_000; i++) {
    const pair = samplePair(long(30), 300, new Random(3, 0, i));
    lengths[pair.video[1] - pair.video[0] - 3]++;
    // far from the ends, a clip of 8 s begins 0 to 7 s before the drawn second, which is uniform over ten
    const fixed = samplePair({ start: [100], end: [101], ids: [[1]] }, 300, new Random(4, 0, i), {
      videoSeconds: [8, 8],
    });
    offsets[fixed.video[0] - 93]++;
  }
  assert.ok(chiSquared(lengths) < 58.3, `${chiSquared(lengths)} with 29 degrees of freedom`);
  assert.ok(chiSquared(offsets) < 24.4, `${chiSquared(offsets)} with 7 degrees of freedom`);
});

test("draws are a function of seed, epoch and index", () => {
  const { captions, seconds } = video(7);
  const draw = (seed: number, epoch: number, index: number) =>
    JSON.stringify(samplePair(captions, seconds, new Random(seed, epoch, index)));
  assert.is(draw(1, 2, 3), draw(1, 2, 3));
  assert.is(new Set(Array.from({ length: 50 }, (_, i) => draw(1, 2, i))).size > 30, true);
});

test("clips of text and video can have the same start and end", () => {
  const captions = { start: [1.5, 4], end: [3.2, 7.5], ids: [[1, 2], [3]] };
  for (const alignment of ["exact", "fixed"] as const) {
    const pair = samplePair(captions, 20, new Random(0), { alignment });
    assert.equal([pair.captions, pair.text, pair.video], [[0, 1], [1.5, 7.5], [1, 8]]); // prettier-ignore
    assert.equal(samplePair(captions, 5, new Random(0), { alignment }).video[1], 5);
  }
  const start = samplePair(captions, 20, new Random(0), { alignment: "start", textTokens: [1, 1] });
  assert.equal([start.captions, start.video], [[0, 0], [1, 4]]); // prettier-ignore
});

test("without overlap, texts have the same lengths as those of the original's aligners", () => {
  // each caption has one token, so a text has the drawn length
  const count = 200;
  const at = Array.from({ length: count }, (_, i) => i);
  const captions = { start: at, end: at.map((t) => t + 1), ids: at.map((id) => [id]) };
  const draws = (options: SamplerOptions) => {
    const pairs = Array.from({ length: 20_000 }, (_, i) => samplePair(captions, count, new Random(7, 0, i), options));
    for (const {
      captions: [first, last],
      text,
      video: clip,
    } of pairs) {
      assert.equal([clip, text], [[first, last + 1], [first, last + 1]]); // prettier-ignore
    }
    const grown = pairs.map(({ captions: [first, last] }) => last - first + 1);
    return { grown, cut: pairs.map(({ ids }) => ids.length), firsts: pairs.map(({ captions: [first] }) => first) };
  };
  const range = (values: number[]) => [Math.min(...values), Math.max(...values)];
  const share = (values: number[], value: number) => values.filter((v) => v === value).length / values.length;
  const exact = draws({ alignment: "exact" });
  assert.equal(range(exact.grown), [8, 61]);
  const counts = Array.from({ length: 54 }, (_, i) => exact.grown.filter((n) => n === 8 + i).length);
  assert.ok(chiSquared(counts) < 91, `${chiSquared(counts)} with 53 degrees of freedom`); // p = 0.001
  const to64 = draws({ alignment: "exact", quirks: ["lengthTo64"] });
  assert.equal(range(to64.grown), [8, 64]);
  assert.ok(Math.abs(share(to64.cut, 61) - 4 / 57) < 0.01, `${share(to64.cut, 61)}`);
  for (const quirks of [[], ["lengthTo64"]] as SamplerOptions["quirks"][]) {
    const fixed = draws({ alignment: "fixed", quirks });
    assert.equal(range(fixed.grown), [61, 61]);
    assert.ok(new Set(fixed.firsts).size > 100);
    const start = draws({ alignment: "start", quirks });
    assert.equal([range(start.grown), range(start.firsts)], [[61, 61], [0, 0]]); // prettier-ignore
  }
});

test("an option keeps captions behind the features and ends a text with its last caption, as the original does", () => {
  const late = { start: [0, 30], end: [5, 35], ids: [[1], [2]] };
  const options = { textTokens: [1, 1], quirks: ["lateCaptions"] } as const;
  const firsts = new Set<number>();
  for (const alignment of ["overlapped", "exact"] as const) {
    for (let i = 0; i < 100; i++) {
      const { captions, video: clip } = samplePair(late, 10, new Random(8, 0, i), { ...options, alignment });
      firsts.add(captions[0]);
      assert.ok(clip[0] >= 0 && clip[0] < clip[1] && clip[1] <= 10, JSON.stringify(clip));
      if (captions[0] === 1 && alignment === "exact") assert.equal(clip, [9, 10]);
    }
  }
  assert.equal([...firsts].sort(), [0, 1]);
  assert.throws(() => samplePair({ start: [], end: [], ids: [] }, 10, new Random(0), options));
  // the first of two captions ends later
  const uneven = { start: [0, 2], end: [9, 4], ids: [[1], [2]] };
  const text = (quirks: SamplerOptions["quirks"]) =>
    samplePair(uneven, 20, new Random(0), { alignment: "fixed", quirks }).video;
  assert.equal([text([]), text(["lastEnd"])], [[0, 9], [0, 4]]); // prettier-ignore
});

test("the original's way to extend clips sometimes misses the text; the default never does", () => {
  const captions = { start: [50], end: [60], ids: [[1]] };
  const misses = (options: SamplerOptions) => {
    let count = 0;
    for (let i = 0; i < 100_000; i++) {
      if (pairOverlap(samplePair(captions, 200, new Random(5, 0, i), options)) <= 0) count++;
    }
    return count;
  };
  assert.is(misses({}), 0);
  const quirk = misses({ quirks: ["seedAtEnd"] });
  assert.ok(quirk > 50 && quirk < 500, `${quirk} of 100,000`); // 0.16 % by its algorithm
});

test("captions after the end of the features are omitted", () => {
  const captions = { start: [0, 30], end: [5, 35], ids: [[1], [2]] };
  for (let i = 0; i < 100; i++) assert.equal(samplePair(captions, 10, new Random(6, 0, i)).captions, [0, 0]);
  assert.throws(() => samplePair({ start: [9], end: [10], ids: [[1]] }, 9, new Random(0)), /begins before second 9/);
});

test("an undefined option is treated as absent", () => {
  const { captions, seconds } = video(3);
  const none = { textTokens: undefined, videoSeconds: undefined, textSeconds: undefined, alignment: undefined };
  const pair = (options?: SamplerOptions) => samplePair(captions, seconds, new Random(1, 0, 7), options);
  assert.equal(pair({ ...none, quirks: undefined }), pair());
});

test.run();
