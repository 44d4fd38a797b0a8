// The API of `videoclip serve` finds the moments that an index has, merged, grouped and page by page.
import { rmSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { searchText } from "#lib/features/search_text.js";
import { videoClipTextEncoder } from "#lib/features/index_text_encoder.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { serveIndexes } from "#lib/serve/serve.js";
import { SHAPES_MODEL } from "../../shapes/model.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import {
  type Example,
  CRESCENT,
  served,
  type Served,
  SQUARE,
  STAR,
  writeExample,
  writeIndex,
} from "./served_example.js";

const test = suite("serve: the API");
const root = temporaryFolder("serve");
let example: Example;
let server: Served;

test.before(async () => {
  example = await writeExample(root);
  server = await served([example.index]);
});
test.after(() => server.close());

interface Moment {
  index: string;
  video: string;
  path: string;
  start: number;
  end: number;
  score: number;
}
const places = (moments: Moment[]) => moments.map(({ path, start, end }) => `${basename(path)} ${start}-${end}`);

test("a sentence finds moments with the scores of searchText; the best of overlapping windows stands for them", async () => {
  const windows = await server.search({ q: STAR, merge: "false" });
  const index = await FeatureIndex.open(example.index);
  const { hits } = await searchText(index, STAR, { top: 20 });
  index.dispose();
  assert.equal(
    windows.moments.map(({ path, start, end, score }: Moment) => [path, start, end, Math.fround(score)]),
    hits.map(({ video, start, end, score }) => [video, start, end, score]),
  );
  assert.is(windows.more, false);
  const merged = await server.search({ q: STAR });
  assert.equal(places(merged.moments.slice(0, 3)), ["a.mp4 2-6", "a.mp4 8-12", "b.webm 4-8"]);
  for (const [i, a] of (merged.moments as Moment[]).entries()) {
    for (const b of (merged.moments as Moment[]).slice(i + 1))
      assert.not(a.path === b.path && a.start < b.end && b.start < a.end, "two moments overlap");
  }
  assert.equal(merged.indexes, ["index"]);
  assert.equal(merged.unknown, []);
});

test("pages join to the whole list, and say whether there is more", async () => {
  const whole = (await server.search({ q: CRESCENT })).moments as Moment[];
  const joined: Moment[] = [];
  for (let offset = 0, more = true; more; offset += 2) {
    const page = await server.search({ q: CRESCENT, limit: "2", offset: String(offset) });
    joined.push(...page.moments);
    more = page.more;
    assert.is(more, offset + 2 < whole.length);
  }
  assert.equal(joined, whole);
  assert.equal((await server.search({ q: CRESCENT, offset: "10000" })).moments, []);
});

test("a threshold, a path and a negative sentence leave moments out", async () => {
  const { moments } = await server.search({ q: STAR });
  const limit = moments[2].score;
  const above = await server.search({ q: STAR, threshold: String(limit) });
  assert.equal(places(above.moments), places(moments.slice(0, 3)));
  const under = await server.search({ q: STAR, path: "/more/" });
  assert.equal(places(under.moments), ["c.mp4 0-4"]);
  const ring = (await server.search({ q: CRESCENT, merge: "false" })).moments as Moment[];
  const square = (await server.search({ q: SQUARE, merge: "false" })).moments as Moment[];
  const without = (await server.search({ q: CRESCENT, not: SQUARE, merge: "false" })).moments as Moment[];
  const scoreIn = (list: Moment[], { path, start }: Moment) =>
    list.find((other) => other.path === path && other.start === start)!.score;
  for (const moment of without) {
    const expected = scoreIn(ring, moment) - scoreIn(square, moment);
    assert.ok(Math.abs(moment.score - expected) < 1e-4, `${moment.score} ${expected}`);
  }
});

test("grouped by video, a result has all its moments above the threshold, best first", async () => {
  const { moments } = await server.search({ q: STAR });
  const best = moments[0].score;
  const grouped = await server.search({ q: STAR, group: "video", threshold: String(best - 1e-3) });
  assert.equal(
    grouped.videos.map(({ path, moments: own }: { path: string; moments: Moment[] }) => [basename(path), places(own)]),
    [
      ["a.mp4", ["a.mp4 2-6", "a.mp4 8-12"]],
      ["b.webm", ["b.webm 4-8"]],
    ],
  );
  assert.is(grouped.videos[0].score, best);
  const first = await server.search({ q: STAR, group: "video", limit: "1" });
  assert.is(first.videos.length, 1);
  assert.is(first.more, true);
});

test("time lines have no gaps, and the score of the nearest window", async () => {
  const { moments, timelines } = await server.search({ q: STAR, timeline: "true", limit: "1" });
  assert.equal(timelines.length, 1);
  assert.is(timelines[0].video, moments[0].video);
  const { parts } = timelines[0];
  assert.equal(
    parts.map(({ start, end }: Moment) => [start, end]),
    [
      [0, 3],
      [3, 5],
      [5, 7],
      [7, 9],
      [9, 12],
    ],
  );
  assert.is(parts[1].score, moments[0].score);
});

test("a moment finds what is like it, and not itself", async () => {
  const { moments } = await server.search({ q: STAR });
  const [{ video }] = moments;
  const like = await server.search({ like: `${video}@4.1` });
  assert.equal(places(like.moments.slice(0, 2)), ["a.mp4 8-12", "b.webm 4-8"]);
  assert.not(places(like.moments).includes("a.mp4 2-6"));
  const grouped = await server.search({ like: `${video}@4.1`, group: "video" });
  assert.equal(places(grouped.videos[0].moments).slice(0, 1), ["a.mp4 8-12"]);
  assert.not(places(grouped.videos[0].moments).includes("a.mp4 2-6"));
  const unknown = await server.get(`/api/search?like=${"A".repeat(22)}@1`);
  assert.is(unknown.status, 404);
});

test("unknown words are named", async () => {
  const { unknown } = await server.search({ q: "a small red xylophone", not: "zeppelin" });
  assert.equal([...unknown].sort(), ["xylophone", "zeppelin"]);
});

test("wrong parameters are refused by name", async () => {
  const cases: [string, number, RegExp][] = [
    ["", 400, /^q: give a sentence in q, or an example in like$/],
    ["q=", 400, /^q: expected a text/],
    ["q=+", 400, /^q: expected a text/],
    [`q=${"a".repeat(1001)}`, 400, /^q: /],
    ["q=a&q=b", 400, /^"q": given more than once/],
    ["q=a&limit=0", 400, /^limit: /],
    ["q=a&limit=201", 400, /^limit: /],
    ["q=a&limit=1e2", 400, /^limit: expected a whole number/],
    ["q=a&offset=-1", 400, /^offset: /],
    ["q=a&threshold=NaN", 400, /^threshold: expected a number/],
    ["q=a&group=path", 400, /^group: /],
    ["q=a&top=3", 400, /^"top": no such parameter/],
    ["q=a&__proto__=3", 400, /^"__proto__": no such parameter/],
    ["q=a&like=b@1", 400, /^like: /],
    ["not=a", 400, /^q: /],
    ["q=a&index=nowhere", 404, /^index: no index is called "nowhere"/],
  ];
  for (const [query, status, message] of cases) {
    const answer = await server.get(`/api/search?${query}`);
    assert.is(answer.status, status, query);
    assert.match(((await answer.json()) as { error: { message: string } }).error.message, message, query);
  }
});

test("several indexes are searched together, and not with one of another model", async () => {
  const other = join(root, "other", "index");
  await writeIndex(other, { "d.mp4": [[STAR, 0, 4]] });
  const rows = join(root, "rows");
  const own = await FeatureIndex.create(rows, { dim: 2, dtype: "f16" });
  await own.append([
    { video: "e.mp4", rows: Float32Array.of(1, 0, 0, 1, 0.5, 0.25), spans: [[0, 1], [1, 2], [2, 3]] }, // prettier-ignore
  ]);
  own.dispose();
  const several = await served([example.index, other, rows]);
  try {
    const { indexes } = await several.json("/api/indexes");
    assert.equal(
      indexes.map(({ name, videos, text, model }: Record<string, unknown>) => [name, videos, text, model]),
      [
        ["index", 3, true, "model 1"],
        ["index-2", 1, true, "model 1"],
        ["rows", 1, false, "model 2"],
      ],
    );
    const both = await several.search({ q: STAR });
    assert.equal(both.indexes, ["index", "index-2"]);
    const best = both.moments.slice(0, 4) as Moment[];
    assert.equal(new Set(best.map(({ score }) => score)).size, 1);
    assert.equal(best.map(({ index }) => index), ["index", "index", "index", "index-2"]); // prettier-ignore
    assert.equal((await several.search({ q: STAR, index: "index-2" })).moments.length, 1);
    assert.match((await several.search({ q: "a", index: "rows" })).error.message, /has no text model/);
    const mixed = await several.get("/api/search?q=a&index=index&index=rows");
    assert.is(mixed.status, 400);
    assert.match(((await mixed.json()) as { error: { message: string } }).error.message, /different models/);
    // rows without a model are searched by example
    const ids = withScores((await several.search({ like: `${await idOfRows(rows, "e.mp4")}@0.5` })).moments);
    assert.equal(ids, ["e.mp4 2-3 0.5", "e.mp4 1-2 0"]);
  } finally {
    await several.close();
  }
});

const withScores = (moments: Moment[]) =>
  moments.map(({ path, start, end, score }) => `${path} ${start}-${end} ${score}`);
async function idOfRows(folder: string, name: string): Promise<string> {
  const { videoId } = await import("#lib/serve/video_ids.js");
  const index = await FeatureIndex.open(folder);
  try {
    return videoId(index.manifest.id, name);
  } finally {
    index.dispose();
  }
}

test("pages of large indexes are in the order of the scores of all of them", async () => {
  const model = await VideoClip.load(SHAPES_MODEL, { device: "cpu" });
  const text = videoClipTextEncoder(model, SHAPES_MODEL);
  const { data: star } = await text.encode([STAR]);
  // 1,000 windows in one index score higher than the 300 of the other one, apart from the first
  const write = async (folder: string, scales: number[]) => {
    const index = await FeatureIndex.create(folder, { dim: text.dim, dtype: "f32", text: text.info });
    const rows = Float32Array.from(scales.flatMap((scale) => Array.from(star, (value) => value * scale)));
    await index.append([{ video: "v.mp4", rows, spans: scales.map((_, i) => [i, i + 1] as const) }]);
    index.dispose();
  };
  const steps = (count: number, first: number) => Array.from({ length: count }, (_, i) => first - i / 4000);
  await write(join(root, "high"), steps(1000, 1));
  await write(join(root, "low"), [2, ...steps(300, 0.5)]);
  model.dispose();
  const both = await served([join(root, "high"), join(root, "low")]);
  try {
    for (const merge of ["true", "false"]) {
      const found: Moment[] = [];
      for (let offset = 0, more = true; more; offset += 200) {
        const page = await both.search({ q: STAR, limit: "200", offset: String(offset), merge });
        assert.is(page.truncated, false);
        found.push(...page.moments);
        more = page.more;
      }
      assert.equal(
        found.map(({ index, start }) => `${index} ${start}`),
        ["low 0", ...steps(1000, 1).map((_, i) => `high ${i}`), ...steps(300, 1).map((_, i) => `low ${i + 1}`)],
      );
    }
    const { timelines } = await both.search({ q: STAR, timeline: "true", limit: "1", index: "high" });
    assert.is(timelines[0].parts.length, 250, "at most 300 parts");
  } finally {
    await both.close();
  }
});

test("an index that changes is opened again; one that breaks is served as it was", async () => {
  const folder = join(root, "growing");
  await writeIndex(folder, { "x.mp4": [[CRESCENT, 0, 4]] });
  const growing = await served([folder]);
  try {
    const videos = async () => (await growing.json("/api/indexes")).indexes[0].videos as number;
    const until = async (check: () => Promise<boolean>) => {
      for (let i = 0; i < 100 && !(await check()); i++) await new Promise((done) => setTimeout(done, 100));
      assert.ok(await check());
    };
    const id = (await growing.search({ q: CRESCENT })).moments[0].video;
    assert.is(await videos(), 1);
    const [first] = (await growing.json("/api/indexes")).indexes;
    assert.ok(Math.abs(Date.now() - Date.parse(first.readAt)) < 60_000, "readAt is the time of the opening");
    assert.is(first.writing, false);
    const lock = join(folder, ".lock");
    writeFileSync(lock, "{}");
    assert.is((await growing.json("/api/indexes")).indexes[0].writing, true);
    utimesSync(lock, new Date(), new Date(Date.now() - 60_000));
    assert.is(
      (await growing.json("/api/indexes")).indexes[0].writing,
      false,
      "a lock that nobody renews counts as none",
    );
    rmSync(lock);
    const index = await FeatureIndex.open(folder);
    await index.append([{ video: "y.mp4", rows: (await index.rowsOf("x.mp4")).rows, spans: [[0, 4]] }]);
    index.dispose();
    await until(async () => (await videos()) === 2);
    assert.ok((await growing.json("/api/indexes")).indexes[0].readAt > first.readAt);
    const { moments } = await growing.search({ q: CRESCENT });
    assert.equal(moments.map(({ path }: Moment) => path), ["x.mp4", "y.mp4"]); // prettier-ignore
    assert.is(moments[0].video, id, "ids stay the same");
    writeFileSync(join(folder, "index.json"), "{");
    await until(async () => (await growing.json("/api/indexes")).indexes[0].problem !== undefined);
    assert.is((await growing.search({ q: CRESCENT })).moments.length, 2);
    assert.match(await (await growing.get("/metrics")).text(), /videoclip_index_stale\{index="growing"\} 1/);
    const reloads = growing.log.filter(({ event }) => event === "reload");
    assert.is(reloads.length, 2);
    assert.match(String(reloads[1].message), /expected JSON/);
  } finally {
    await growing.close();
  }
});

test("health, metrics and the description of the API", async () => {
  assert.equal(await server.json("/health"), { status: "ok" });
  const metrics = await (await server.get("/metrics")).text();
  for (const line of metrics.trimEnd().split("\n"))
    assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [\d.e+-]+)$/);
  assert.match(metrics, /videoclip_requests_total\{route="\/api\/search",method="GET",status="200"\} \d+/);
  assert.match(metrics, /videoclip_index_rows\{index="index"\} 8/);
  const described = await server.json("/openapi.json");
  assert.is(described.openapi, "3.1.0");
  const names = described.paths["/api/search"].get.parameters.map(({ name }: { name: string }) => name);
  assert.equal(
    names.sort(),
    "field group index like limit max_seconds merge min_seconds not offset path q threshold timeline".split(" "),
  );
  assert.is((await server.get("/nowhere")).status, 404);
});

test("what cannot be served is refused at once, in a sentence", async () => {
  const port = Number(new URL(server.url).port);
  const serve = (folders: string[], more = {}) => serveIndexes(folders, { port: 0, ...more });
  await refused(serve([example.index], { port }), /^port: \d+ of 127\.0\.0\.1 is taken by another program/);
  await refused(serve([join(root, "none")]), /^index: .*none is not an index: it has no index\.json/);
  await refused(serve([example.index, example.index]), /is given twice/);
  await refused(serve([]), /^index: expected at least one/);
  await refused(serve([example.index], { host: "0.0.0.0" }), /^host: 0\.0\.0\.0 can be reached from other machines/);
  await refused(serve([example.index], { host: "0.0.0.0", token: "short" }), /^token: expected at least 16/);
  await refused(
    serve([example.index], { host: "203.0.113.7", token: "0123456789abcdef" }),
    /no address of this machine/,
  );
  await refused(serve([example.index], { videos: [join(root, "none")] }), /^videos: .* is not a folder/);
});

test.run();
