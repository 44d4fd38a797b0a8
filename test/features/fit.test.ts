// A search says whether anything fits: by what unrelated sentences score with the index, and by the words that the model knows.
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { unknownShare } from "#lib/features/fit/content_words.js";
import { type IndexFit, judgeFit } from "#lib/features/fit/fit.js";
import { fitOf, writeFit } from "#lib/features/fit/index_fit.js";
import { measureFit } from "#lib/features/fit/measure_fit.js";
import { levelFor, modelSearch } from "#lib/features/fit/model_search.js";
import { unrelatedSentences } from "#lib/features/fit/unrelated_sentences.js";
import { searchPage } from "#lib/serve/search_page.js";
import { searchText } from "#lib/features/search_text.js";
import { CRESCENT, served, STAR, writeIndex } from "../serve/served_example.js";
import { SHAPES_MODEL } from "../../shapes/model.js";
import { videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("fit");
const root = temporaryFolder("fit");
let folders = 0;

/** A text encoder whose rows depend on the letters of a sentence. */
const letters = {
  calls: 0,
  async encode(texts: readonly string[]) {
    letters.calls++;
    const data = new Float32Array(texts.length * 26);
    texts.forEach((text, i) => {
      for (const letter of text.toLowerCase()) {
        const at = letter.charCodeAt(0) - 97;
        if (at >= 0 && at < 26) data[i * 26 + at] += 1;
      }
    });
    return { data, shape: [texts.length, 26] };
  },
};

/** An index of rows of `letters`. */
async function indexOf(sentences: readonly string[]): Promise<FeatureIndex> {
  const index = await FeatureIndex.create(join(root, `index-${folders++}`), { dim: 26, dtype: "f32" });
  for (const [i, sentence] of sentences.entries()) {
    const { data: rows } = await letters.encode([sentence]);
    await index.append([{ video: `${i}.mp4`, rows, spans: [[0, 1]] }]);
  }
  return index;
}

test("unrelated sentences are made of the model's words, always the same", () => {
  const words = Array.from({ length: 20 }, (_, i) => `w${"abcdefghijklmnopqrst"[i]}`);
  const sentences = unrelatedSentences([...words, "##ing", "[PAD]", "12", "-"]);
  assert.is(sentences.length, 256);
  assert.equal(sentences, unrelatedSentences(words));
  assert.ok(new Set(sentences).size > 250);
  for (const sentence of sentences)
    assert.ok(
      sentence.split(" ").every((word) => words.includes(word)),
      sentence,
    );
  // few words make no sentences that differ, so common ones are taken
  assert.ok(unrelatedSentences(["one"]).some((sentence) => sentence.includes("garden")));
});

test("the share of unknown words counts words with a content only", () => {
  const shares: [string, string[], number][] = [
    ["zzz qqq", ["zzz", "qqq"], 1],
    ["please show me the small red star", ["please", "show", "me"], 0],
    ["a small pink star moves left", ["pink"], 1 / 5],
    ["a pink elephant moves left", ["pink", "elephant"], 1 / 2],
    ["a star!", ["!"], 0],
    ["the", ["the"], 0],
    ["星の動き", ["星", "の", "動", "き"], 1],
  ];
  for (const [sentence, unknown, share] of shares)
    assert.ok(
      Math.abs(unknownShare(sentence, unknown) - share) < 1e-9,
      `${sentence}: ${unknownShare(sentence, unknown)}`,
    );
});

test("a score is judged by its distance from unrelated sentences; unknown words raise what is needed", () => {
  const fit: IndexFit = { mean: 1, sd: 2, level: 3 };
  assert.equal(judgeFit("red star", [], 7, fit), { fits: true, best: 7, needed: 7 });
  const low = judgeFit("red star", [], 6.99, fit)!;
  assert.equal([low.fits, low.reason, low.needed], [false, "score", 7]);
  assert.match(low.message!, /the best score is 6\.99, and 7\.00 would/);
  const unknown = judgeFit("small pink star moves left", ["pink"], 8, fit)!;
  assert.equal([unknown.fits, unknown.reason], [false, "score"]);
  assert.ok(Math.abs(unknown.needed! - 8.2) < 1e-9);
  // without a measurement, known words are not judged
  assert.is(judgeFit("red star", [], 7, undefined), undefined);
  assert.is(judgeFit("red star", [], undefined, fit), undefined);
  const foreign = judgeFit("zzz qqq", ["zzz", "qqq"], 100, undefined)!;
  assert.equal([foreign.fits, foreign.reason], [false, "unknown-words"]);
  assert.match(foreign.message!, /does not know "zzz", "qqq"/);
});

test("an index is measured the same way each time; without a level of the model, half of the unrelated sentences set it", async () => {
  const index = await indexOf(["a dog runs", "two old boats", "snow on the hill"]);
  const fit = (await measureFit(index, letters))!;
  const { data } = await letters.encode(unrelatedSentences());
  const scores: number[][] = [];
  for (let i = 0; i < 256; i++) {
    const hits = await index.search({ vector: data.slice(i * 26, (i + 1) * 26), top: 3 });
    scores.push(hits.map(({ score }) => score));
  }
  const all = scores.flat();
  const mean = all.reduce((a, b) => a + b) / all.length;
  const sd = Math.sqrt(all.reduce((a, b) => a + (b - mean) ** 2, 0) / all.length);
  assert.ok(Math.abs(fit.mean - mean) < 1e-9 && Math.abs(fit.sd - sd) < 1e-9, `${fit.mean} ${mean} ${fit.sd} ${sd}`);
  const middle = scores.map(([best]) => best).sort((a, b) => a - b)[128];
  assert.ok(Math.abs(fit.mean + fit.level * fit.sd - middle) < 1e-9);
  assert.equal(await measureFit(index, { encode: letters.encode }), fit);
  assert.is((await measureFit(index, letters, { level: 2.5 }))!.level, 2.5);
  index.dispose();
});

test("an index of one window or none, equal scores and a stubborn encoder do not stop a search", async () => {
  const one = await indexOf(["a dog runs"]);
  assert.is((await searchText(one, "dogs run and run and run to dogs", { text: letters })).fit!.fits, true);
  assert.is((await searchText(one, "xx", { text: letters })).fit!.fits, false);
  one.dispose();
  const none = await indexOf([]);
  const empty = await searchText(none, "a dog runs", { text: letters });
  assert.equal([empty.hits, empty.fit], [[], undefined]);
  none.dispose();
  const zero = await indexOf(["", ""]);
  assert.is((await searchText(zero, "dog", { text: letters })).fit, undefined);
  zero.dispose();
  const own = await indexOf(["a dog runs"]);
  const encode = (texts: readonly string[]) => {
    if (texts.length > 1) throw new Error("one at a time");
    return letters.encode(texts);
  };
  const { hits, fit } = await searchText(own, "a dog runs", { text: { encode } });
  assert.is(hits.length, 1);
  assert.is(fit, undefined);
  own.dispose();
});

test("an open index is measured once, and again when it has grown; fit: false does not measure", async () => {
  const index = await indexOf(["a dog runs"]);
  letters.calls = 0;
  const text = { encode: letters.encode };
  assert.is((await searchText(index, "dog", { text, fit: false })).fit, undefined);
  assert.is(letters.calls, 1);
  await searchText(index, "dog", { text });
  const measured = letters.calls;
  assert.ok(measured > 2);
  await searchText(index, "dog", { text });
  assert.is(letters.calls, measured + 1);
  const before = await fitOf(index, text);
  const { data: rows } = await letters.encode(["zebra"]);
  await index.append([{ video: "z.mp4", rows, spans: [[0, 1]] }]);
  assert.not.equal(await fitOf(index, text), before);
  index.dispose();
});

test("each text encoder is judged by its own measurement; a search that is interrupted takes none from others", async () => {
  const index = await indexOf(["a red star", "a blue square", "green circles"]);
  const loud = {
    async encode(texts: readonly string[]) {
      const { data, shape } = await letters.encode(texts);
      return { data: data.map((x) => 1000 * x), shape };
    },
  };
  const quiet = (await fitOf(index, letters))!;
  const other = (await fitOf(index, loud))!;
  assert.ok(other.mean > 100 * quiet.mean, `${other.mean}, ${quiet.mean}`);
  const slow = { encode: (texts: readonly string[]) => letters.encode(texts) };
  const stop = new AbortController();
  const [first, second] = [fitOf(index, slow, stop.signal), fitOf(index, slow)];
  stop.abort(new Error("left"));
  assert.is(await first.then(() => "done", (error: Error) => error.message), "left"); // prettier-ignore
  assert.equal(await second, quiet);
  index.dispose();
});

test("the measurement is kept beside the index, and a broken or an old one is made again", async () => {
  const index = await indexOf(["a dog runs", "snow on the hill"]);
  const file = join(index.folder, "fit.json");
  await writeFit(index, letters);
  const fit = await measureFit(index, letters);
  const kept = JSON.parse(readFileSync(file, "utf8"));
  assert.equal({ mean: kept.mean, sd: kept.sd, level: kept.level }, fit);
  // what is kept is used
  writeFileSync(file, JSON.stringify({ ...kept, level: 99 }));
  assert.is((await searchText(index, "a dog runs", { text: letters })).fit!.fits, false);
  const reopen = async () => {
    const opened = await FeatureIndex.open(index.folder);
    const found = await fitOf(opened, letters);
    opened.dispose();
    return found;
  };
  for (const content of [
    "",
    "{",
    "[]",
    "null",
    JSON.stringify({ ...kept, level: null }),
    JSON.stringify({ ...kept, state: "other" }),
  ]) {
    // prettier-ignore
    writeFileSync(file, content);
    assert.equal(await reopen(), fit, content);
  }
  rmSync(file);
  assert.equal(await reopen(), fit);
  assert.not.ok(existsSync(file), "a search writes nothing");
  index.dispose();
});

test("a model's folder says which window and level it was measured with; other weights and broken files do not count", () => {
  const { weights } = JSON.parse(readFileSync(join(SHAPES_MODEL, "search.json"), "utf8"));
  const search = modelSearch(SHAPES_MODEL, weights)!;
  assert.equal([search.window, search.hop], [4, 1]);
  const levels = search.levels.map(({ level }) => level);
  assert.is(levelFor(search, 4), levels[2]);
  assert.is(levelFor(search, 5), (levels[2] + levels[3]) / 2);
  assert.is(levelFor(search, 1), levels[0]);
  assert.is(levelFor(search, 99), levels.at(-1));
  assert.is(levelFor(search, undefined), undefined);
  assert.is(modelSearch(SHAPES_MODEL, "0123456789abcdef"), undefined);
  assert.is(modelSearch(join(root, "nowhere"), weights), undefined);
  for (const content of ["", "{", "[]", "3", '{"weights":"w"}', '{"weights":"w","levels":[null]}']) {
    writeFileSync(join(root, "search.json"), content);
    assert.is(modelSearch(root, "w"), undefined, content);
  }
});

test("the command prints that nothing fits, marks its hits, and writes it on the page", async () => {
  const folder = join(root, "command");
  await writeIndex(folder, { "/v/a.mp4": [[STAR, 0, 4], [CRESCENT, 4, 8]] }); // prettier-ignore
  const search = (sentence: string, ...more: string[]) => videoclip("search", sentence, "--index", folder, ...more);
  const right = search(STAR, "--json");
  assert.equal(right.lines().map(({ fits }) => fits), [true, false]); // prettier-ignore
  assert.is(right.stderr, "");
  const page = join(root, "page.html");
  const foreign = search("a dog runs on the beach", "--json", "--html", page);
  assert.equal(foreign.lines().map(({ fits }) => fits), [false, false]); // prettier-ignore
  assert.match(foreign.stderr, /Nothing in the index is known to fit: the model does not know "dog", "runs"/);
  assert.match(readFileSync(page, "utf8"), /class="nothing"[^>]*>Nothing in the index is known to fit/);
  assert.not.match(readFileSync(page, "utf8"), /<script/);
  const other = search("a medium yellow cross sinks to the bottom");
  assert.match(other.stderr, /^Nothing in the index fits: the best score is -?[\d.]+, and [\d.]+ would set it apart/m);
  assert.match(other.stdout, /a\.mp4/);
  assert.is(other.status, 0);
  const index = await FeatureIndex.open(folder);
  const { fit, ...found } = await searchText(index, STAR);
  assert.is(fit!.fits, true);
  assert.not.match(await searchPage(index, { ...found, fit }), /class="nothing"/);
  index.dispose();
});

test("the server's answers say it, also with a filter, a threshold, a subtracted sentence and several indexes", async () => {
  const [one, two] = [join(root, "one"), join(root, "two")];
  await writeIndex(one, { "/v/a.mp4": [[STAR, 0, 4]], "/v/b.mp4": [[CRESCENT, 4, 8]] });
  await writeIndex(two, { "/v/c.mp4": [[CRESCENT, 0, 4]] });
  const server = await served([one, two]);
  const fits = async (parameters: Record<string, string>) => (await server.search(parameters)).fit?.fits;
  try {
    assert.is(await fits({ q: STAR }), true);
    assert.is(await fits({ q: STAR, index: "two" }), false);
    assert.is(await fits({ q: STAR, path: "/b.mp4" }), false);
    assert.is(await fits({ q: STAR, not: STAR }), true, "the sentence is judged, not what is subtracted");
    assert.is(await fits({ q: STAR, offset: "10" }), true, "every page has the same answer");
    const cut = await server.search({ q: STAR, threshold: "1e9" });
    assert.equal([cut.moments, cut.fit.fits], [[], true]);
    const foreign = (await server.search({ q: "a dog runs on the beach" })).fit;
    assert.equal([foreign.fits, foreign.reason], [false, "unknown-words"]);
    assert.match(foreign.message, /does not know "dog"/);
    const { moments } = await server.search({ q: STAR });
    assert.is(await fits({ like: `${moments[0].video}@1` }), undefined);
    const { paths } = await server.json("/openapi.json");
    const answer = paths["/api/search"].get.responses[200].content["application/json"].schema;
    assert.equal(Object.keys(answer.properties.fit.properties), ["fits", "reason", "best", "needed", "message"]);
    assert.equal(answer.properties.fit.required, ["fits"]);
  } finally {
    await server.close();
  }
});

test.run();
