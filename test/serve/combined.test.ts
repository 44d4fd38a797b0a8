// Queries of `videoclip serve` that are made of sentences, moments and filters together.
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { CRESCENT, served, type Served, SQUARE, STAR, writeIndex } from "./served_example.js";

const test = suite("serve: combined queries");
const root = temporaryFolder("serve-combined");
let server: Served;
/** Ids of the videos by name, and the rows of all windows by place. */
const ids: Record<string, string> = {};
const rows: Record<string, Float32Array> = {};

test.before(async () => {
  await writeIndex(join(root, "index"), {
    "a.mp4": [[STAR, 0, 4], [CRESCENT, 4, 8]], // prettier-ignore
    "b.mp4": [[SQUARE, 0, 4], [STAR, 4, 8], [SQUARE, 8, 30]], // prettier-ignore
    "c.mp4": [[CRESCENT, 0, 2]],
  });
  server = await served([join(root, "index")]);
  const { videos } = await server.search({ q: STAR, group: "video" });
  for (const { path, video } of videos) ids[path] = video;
  const index = await FeatureIndex.open(join(root, "index"));
  for (const name of index.videos()) {
    const { spans, rows: data } = await index.rowsOf(name);
    spans.forEach(({ start }, i) => {
      rows[`${name} ${start}`] = data.slice(i * index.dim, (i + 1) * index.dim);
    });
  }
  index.dispose();
});
test.after(() => server.close());

interface Moment {
  path: string;
  start: number;
  score: number;
}
const placesOf = (moments: Moment[]) => moments.map(({ path, start }) => `${path} ${start}`);
const norm = (vector: ArrayLike<number>) => Math.hypot(...Array.from(vector));
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0);
const ask = (parameters: [string, string][]) => server.json(`/api/search?${new URLSearchParams(parameters)}`);

/** The scores that the mean of what is wanted minus the mean of what is not gives. */
function expectScores(moments: Moment[], plus: Float32Array[], minus: Float32Array[] = []): void {
  const mean = (list: Float32Array[], i: number) => list.reduce((sum, v) => sum + v[i], 0) / Math.max(1, list.length);
  const vector = Array.from(plus[0], (_, i) => mean(plus, i) - mean(minus, i));
  assert.ok(moments.length > 0);
  for (const { path, start, score } of moments) {
    const expected = dot(vector, rows[`${path} ${start}`]);
    assert.ok(
      Math.abs(score - expected) < 1e-3 * Math.max(1, Math.abs(expected)),
      `${path} ${start}: ${score} ${expected}`,
    );
  }
}
const scaled = (vector: Float32Array, length: number) => vector.map((value) => (value * length) / norm(vector));

test("a sentence and a moment count alike: the moment's vector gets the length of the sentence's", async () => {
  const [star, square] = [rows["a.mp4 0"], rows["b.mp4 0"]];
  const { moments, examples } = await ask([["q", STAR], ["like", `${ids["b.mp4"]}@1`], ["merge", "false"]]); // prettier-ignore
  expectScores(moments, [star, scaled(square, norm(star))]);
  assert.equal(
    examples.map(({ path, start, end, negative }: Record<string, unknown>) => [path, start, end, negative]),
    [["b.mp4", 0, 4, false]],
  );
  assert.not(placesOf(moments).includes("b.mp4 0"), "the example is no result");
  assert.ok(placesOf(moments).includes("b.mp4 8"));
});

test("several moments are averaged, and `not` takes moments and sentences", async () => {
  const [a, b] = [`${ids["a.mp4"]}@1`, `${ids["b.mp4"]}@1`];
  const both = await ask([["like", a], ["like", b], ["merge", "false"]]); // prettier-ignore
  expectScores(both.moments, [rows["a.mp4 0"], rows["b.mp4 0"]]);
  assert.equal(placesOf(both.moments).sort(), ["a.mp4 4", "b.mp4 4", "b.mp4 8", "c.mp4 0"]);
  const without = await ask([["like", a], ["not", b], ["not", CRESCENT], ["merge", "false"]]); // prettier-ignore
  const length = norm(rows["a.mp4 4"]); // that of the only sentence
  const wanted = [scaled(rows["a.mp4 0"], length)];
  expectScores(without.moments, wanted, [scaled(rows["b.mp4 0"], length), rows["a.mp4 4"]]);
  assert.ok(placesOf(without.moments).includes("b.mp4 0"), "what is not wanted is a result with its score");
  assert.equal(without.examples.map(({ negative }: { negative: boolean }) => negative), [false, true]); // prettier-ignore
  const grouped = await ask([["like", a], ["like", b], ["group", "video"]]); // prettier-ignore
  const own = Object.fromEntries(grouped.videos.map((v: { path: string; moments: Moment[] }) => [v.path, placesOf(v.moments)])); // prettier-ignore
  assert.equal(own["a.mp4"], ["a.mp4 4"]);
  assert.not(own["b.mp4"].includes("b.mp4 0"));
});

test("videos are filtered by their length, also with a path", async () => {
  const found = async (parameters: Record<string, string>) => {
    const { moments } = await server.search({ q: STAR, merge: "false", ...parameters });
    return [...new Set(moments.map(({ path }: Moment) => path))].sort();
  };
  assert.equal(await found({}), ["a.mp4", "b.mp4", "c.mp4"]);
  assert.equal(await found({ min_seconds: "8" }), ["a.mp4", "b.mp4"]);
  assert.equal(await found({ max_seconds: "8" }), ["a.mp4", "c.mp4"]);
  assert.equal(await found({ min_seconds: "2.5", max_seconds: "29.5" }), ["a.mp4"]);
  assert.equal(await found({ min_seconds: "8", path: "b" }), ["b.mp4"]);
  assert.equal(await found({ min_seconds: "31" }), []);
  assert.equal(await found({ min_seconds: "0" }), ["a.mp4", "b.mp4", "c.mp4"]);
});

test("wrong parts and lengths are refused by name", async () => {
  const id = "A".repeat(22);
  const cases: [string, number, RegExp][] = [
    [`q=a&like=${id}@1`, 404, /^like: no index has a video/],
    [`q=a&not=${id}@1`, 404, /^not: no index has a video/],
    [`like=picture:${id}`, 404, /^like: this picture is not known any more: send it again$/],
    ["like=picture:x", 400, /^like: expected the id of a video, @ and a time in seconds, or picture:/],
    [`q=a&not=${id}@0.5338666666666667`, 404, /^not: no index has a video/],
    [`q=a&like=${id}@0.5338666666666667`, 404, /^like: no index has a video/],
    ...["", "1e3", "1.", "-1", "1%20"].map((time): [string, number, RegExp] => [
      `q=a&not=${id}@${time}`,
      400,
      /^not: expected a time in seconds behind the id of a video and @$/,
    ]),
    [`not=${id}@1`, 400, /^q: give a sentence/],
    [`q=a${"&like=".concat(id, "@1").repeat(9)}`, 400, /^like: /],
    [`q=a${"&not=b".repeat(9)}`, 400, /^not: /],
    ["q=a&not=", 400, /^not: expected a text/],
    ["q=a&not=picture:x", 400, /^not: expected the id of a picture behind picture:$/],
    ["q=a&min_seconds=-1", 400, /^min_seconds: expected a number of seconds/],
    ["q=a&max_seconds=1e3", 400, /^max_seconds: expected a number of seconds/],
    ["q=a&max_seconds=1&max_seconds=2", 400, /^"max_seconds": given more than once/],
    ["q=a&min_seconds=2&max_seconds=1", 400, /^min_seconds: expected at most max_seconds/],
  ];
  for (const [query, status, message] of cases) {
    const answer = await server.get(`/api/search?${query}`);
    assert.is(answer.status, status, query);
    assert.match(((await answer.json()) as { error: { message: string } }).error.message, message, query);
  }
});

test.run();
