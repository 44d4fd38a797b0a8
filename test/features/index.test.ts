// A feature index through its public interface: exact search, growth, files.
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "#lib/base/errors.js";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { IndexError } from "#lib/features/index_format.js";
import type { IndexedVideo } from "#lib/features/index_writer.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { floatToHalf, halfToFloat } from "#lib/base/half_floats.js";
import { video, videos } from "./indexed_videos.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("index");
const root = temporaryFolder("index");
let folders = 0;
const folder = () => join(root, `index-${folders++}`);

/** The best rows by float64 dot products, sorted by falling score, then by rising row. */
function expected(list: readonly IndexedVideo[], query: Float32Array, round: (v: number) => number = (v) => v) {
  const hits = list.flatMap(({ video: name, rows, spans }) =>
    spans.map(([start, end], i) => {
      let score = 0;
      for (let d = 0; d < query.length; d++) score += query[d] * round(rows[i * query.length + d]);
      return { video: name, start, end, score };
    }),
  );
  return hits.map((hit, row) => ({ ...hit, row })).sort((a, b) => b.score - a.score || a.row - b.row);
}

for (const [dtype, dim, map, chunkBytes] of [
  ["f32", 24, true],
  ["f16", 24, true],
  ["f16", 37, true],
  ["f16", 96, false],
  ["f16", 24, true, 5000],
  ["f32", 96, false, 12288],
] as const) {
  const chunks = chunkBytes ? `, ${chunkBytes} bytes at a time` : "";
  test(`search is exact: ${dtype}, ${dim} columns, ${map ? "mapped" : "in memory"}${chunks}`, async () => {
    const at = folder();
    const list = videos(700, dim);
    const index = await FeatureIndex.create(at, { dim, dtype, map, chunkBytes });
    assert.is(await index.append(list), 700);
    const round = dtype === "f16" ? (v: number) => halfToFloat(floatToHalf(v)) : undefined;
    const queries = hashValues("index", "queries", 3 * dim);
    const many = await index.search({ vectors: queries, top: 50 });
    for (let q = 0; q < 3; q++) {
      const query = queries.slice(q * dim, (q + 1) * dim);
      const [hits, reference] = [await index.search({ vector: query, top: 50 }), expected(list, query, round)];
      assert.equal(many[q], hits, "one query at a time gives the same as many");
      assert.equal(
        hits.map(({ row }) => row),
        reference.slice(0, 50).map(({ row }) => row),
      );
      for (const [i, hit] of hits.entries()) {
        assert.ok(Math.abs(hit.score - reference[i].score) < 1e-5 * (1 + Math.abs(hit.score)));
        assert.equal({ ...hit, score: 0 }, { ...reference[i], score: 0 });
      }
      const filter = (name: string) => name.endsWith("7");
      const some = await index.search({ vector: query, top: 20, filter });
      const left = reference.filter((hit) => filter(hit.video)).slice(0, 20);
      assert.equal(
        some.map(({ row }) => row),
        left.map(({ row }) => row),
      );
    }
    const strip = await index.similarityOverTime(queries.slice(0, dim), "video 6");
    assert.is(strip.scores.length, 7);
    const direct = expected(list, queries.slice(0, dim), round).filter((hit) => hit.video === "video 6");
    for (const { start, score } of direct)
      assert.ok(Math.abs(strip.scores[start] - score) < 1e-5 * (1 + Math.abs(score)));
    index.dispose();
    const again = await FeatureIndex.open(at);
    assert.is(again.mapped, true);
    assert.equal(await again.search({ vectors: queries, top: 50 }), many);
    again.dispose();
  });
}

test("rows of equal score are sorted by rising row, within a chunk of rows and across chunks", async () => {
  const at = folder();
  const index = await FeatureIndex.create(at, { dim: 2 });
  const same = (name: string): IndexedVideo => ({
    video: name,
    rows: Float32Array.of(1, 2, 1, 2),
    spans: [
      [0, 1],
      [1, 2],
    ],
  });
  await index.append(Array.from({ length: 60 }, (_, i) => same(`video ${i}`)));
  index.dispose();
  for (const chunkBytes of [undefined, 128]) {
    const again = await FeatureIndex.open(at, { chunkBytes }); // 128 bytes: 32 rows
    const hits = await again.search({ vector: Float32Array.of(1, 1), top: 100 });
    assert.equal(
      hits.map(({ row, score }) => [row, score]),
      Array.from({ length: 100 }, (_, row) => [row, 3]),
    );
    again.dispose();
  }
});

test("f16 and f32 rows both rank a planted match first", async () => {
  const dim = 64;
  const list = videos(300, dim);
  const query = list[123].rows.slice(0, dim);
  for (const dtype of ["f16", "f32"] as const) {
    const index = await FeatureIndex.create(folder(), { dim, dtype });
    await index.append(list);
    const [first] = await index.search({ vector: query, top: 1 });
    assert.is(first.video, "video 123");
    index.dispose();
  }
});

test("an index grows, videos are replaced and removed, and other readers keep the state that they opened", async () => {
  const at = folder();
  const dim = 8;
  const index = await FeatureIndex.create(at, { dim, settings: { model: "test" }, text: { kind: "test", path: "x" } });
  await index.append(videos(5, dim));
  const reader = await FeatureIndex.open(at);
  assert.equal(reader.settings, { model: "test" });
  assert.equal(reader.text, { kind: "test", path: "x" });
  await refused(
    () => index.append([video("video 3", 1, dim)]),
    /video 3 is in the index already/,
    InvalidArgumentError,
  );
  await index.append([video("new", 2, dim), { ...video("other", 3, dim), video: "video 3" }], { replace: true });
  assert.equal(index.videos(), ["video 0", "video 1", "video 2", "video 4", "new", "video 3"]);
  assert.is(index.size, 1 + 2 + 3 + 5 + 2 + 3);
  const query = hashValues("index", "query", dim);
  const now = [
    ...videos(3, dim),
    ...videos(1, dim, 4),
    video("new", 2, dim),
    { ...video("other", 3, dim), video: "video 3" },
  ];
  const half = (v: number) => halfToFloat(floatToHalf(v));
  const names = (hits: { video: string; start: number }[]) => hits.map(({ video: name, start }) => `${name} ${start}`);
  assert.equal(names(await index.search({ vector: query, top: 99 })), names(expected(now, query, half)));
  assert.is(await index.remove(["video 0", "new", "nothing"]), 2);
  assert.equal(index.videos(), ["video 1", "video 2", "video 4", "video 3"]);
  const rest = now.filter(({ video: name }) => name !== "video 0" && name !== "new");
  assert.equal(names(await index.search({ vector: query, top: 99 })), names(expected(rest, query, half)));
  assert.equal(names(await reader.search({ vector: query, top: 99 })), names(expected(videos(5, dim), query, half)));
  reader.dispose();
  index.dispose();
  assert.is(readdirSync(at).filter((name) => name.endsWith(".bin")).length, 4, "old generations are gone");
  index.dispose();
  await refused(() => FeatureIndex.create(at, { dim }), /already holds an index/, InvalidArgumentError);
});

test("wrong rows, spans and queries are refused and change nothing", async () => {
  const dim = 4;
  const index = await FeatureIndex.create(folder(), { dim });
  const good = video("good", 2, dim);
  const cases: [Partial<IndexedVideo>, RegExp][] = [
    [{ rows: new Float32Array(7) }, /expected 2 spans x 4 values, received 7/],
    [{ rows: Float32Array.of(1, 2, 3, 4, 5, Number.NaN, 7, 8) }, /received NaN in row 1/],
    [{ rows: Float32Array.of(1, 70000, 3, 4, 5, 6, 7, 8) }, /65504 .* received 70000 in row 0/],
    [{ spans: [[0, 1], [2, 1]] }, /start <= end/], // prettier-ignore
    [{ spans: [], rows: new Float32Array(0) }, /at least one/],
    [{ video: "" }, /expected a name/],
  ];
  for (const [change, pattern] of cases) {
    const list = [
      { ...good, video: `before ${pattern}` },
      { ...good, ...change },
    ];
    await refused(() => index.append(list), pattern, InvalidArgumentError);
  }
  assert.is(index.videos().length, cases.length, "videos before the wrong one are kept");
  await refused(
    () => index.search({ vector: new Float32Array(3) }),
    /expected a Float32Array of 4/,
    InvalidArgumentError,
  );
  const nan = Float32Array.of(0, Number.NaN, 0, 0);
  await refused(() => index.search({ vector: nan }), /finite/, InvalidArgumentError);
  await refused(() => index.search({ vector: new Float32Array(4), top: 0 }), /top/, InvalidArgumentError);
  assert.equal(await index.search({ vector: new Float32Array(4), filter: () => false }), []);
  index.dispose();
  await refused(() => FeatureIndex.create(folder(), { dim: 0 }), /dim/, InvalidArgumentError);
});

test("an aborted append keeps complete videos; an aborted search rejects with the reason", async () => {
  const dim = 4;
  const index = await FeatureIndex.create(folder(), { dim });
  const abort = new AbortController();
  const reason = new Error("enough");
  const onProgress = ({ videos: done }: { videos: number }) => done === 3 && abort.abort(reason);
  try {
    await index.append(videos(10, dim), { signal: abort.signal, onProgress });
    assert.unreachable();
  } catch (error) {
    assert.is(error, reason);
  }
  assert.is(index.videos().length, 3);
  try {
    await index.search({ vector: new Float32Array(dim), signal: abort.signal });
    assert.unreachable();
  } catch (error) {
    assert.is(error, reason);
  }
  index.dispose();
});

test("truncated, foreign and broken files are refused with their name and the reason", async () => {
  const dim = 16;
  const [source, other] = [folder(), folder()];
  for (const at of [source, other]) {
    const index = await FeatureIndex.create(at, { dim });
    await index.append(videos(20, dim));
    index.dispose();
  }
  const manifest = JSON.parse(readFileSync(join(source, "index.json"), "utf8"));
  const edited = (change: object) => (at: string) =>
    writeFileSync(join(at, "index.json"), JSON.stringify({ ...manifest, ...change }));
  const size = (at: string, name: string) => readFileSync(join(at, name)).length;
  const cases: [(at: string) => void, RegExp][] = [
    ...["rows", "spans", "videos", "names"].map((kind): [(at: string) => void, RegExp] => [
      (at) => truncateSync(join(at, `${kind}-0.bin`), size(at, `${kind}-0.bin`) - 1),
      new RegExp(`${kind}-0.bin: the file is truncated: expected at least \\d+ bytes`),
    ]),
    [
      (at) => copyFileSync(join(other, "rows-0.bin"), join(at, "rows-0.bin")),
      /rows-0.bin: it belongs to another index/,
    ],
    [(at) => copyFileSync(join(at, "rows-0.bin"), join(at, "names-0.bin")), /names-0.bin: its header does not fit/],
    [
      (at) => writeFileSync(join(at, "spans-0.bin"), Buffer.alloc(1 << 20, "garbage")),
      /spans-0.bin: this is not a file of/,
    ],
    [(at) => rmSync(join(at, "videos-0.bin")), /videos-0.bin: cannot be opened \(ENOENT\)/],
    [(at) => rmSync(join(at, "index.json")), /this is not an index: it has no index.json/],
    [(at) => writeFileSync(join(at, "index.json"), "{"), /index.json: expected JSON/],
    [(at) => writeFileSync(join(at, "index.json"), "[]"), /expected "format"/],
    [edited({ version: 2 }), /version 2 of the format/],
    [edited({ dim: 8 }), /header does not fit index.json: expected rows of 8 f16/],
    [edited({ dtype: "f32", rows: 1 }), /header does not fit index.json: expected rows of 16 f32/],
    [edited({ rows: 1e9 }), /truncated/],
    [edited({ dtype: "f64" }), /dtype cannot be "f64"/],
    [edited({ rows: -1 }), /rows cannot be -1/],
    [edited({ id: "../../etc" }), /id cannot be/],
  ];
  for (const [breaks, pattern] of cases) {
    const at = folder();
    cpSync(source, at, { recursive: true });
    breaks(at);
    await refused(() => FeatureIndex.open(at), pattern, IndexError);
    rmSync(at, { recursive: true });
  }
  // broken records are reported on first use
  const at = folder();
  cpSync(source, at, { recursive: true });
  const spans = readFileSync(join(at, "spans-0.bin"));
  spans.fill(0xff, 64);
  writeFileSync(join(at, "spans-0.bin"), spans);
  const index = await FeatureIndex.open(at);
  await refused(() => index.search({ vector: new Float32Array(dim) }), /row 0 has a broken record/, IndexError);
  index.dispose();
});

test("records that contradict each other are refused on first use", async () => {
  const [source, dim] = [folder(), 4];
  const made = await FeatureIndex.create(source, { dim, dtype: "f32" });
  const two = (name: string) => ({
    video: name,
    rows: new Float32Array(2 * dim).fill(1),
    spans: [
      [0, 1],
      [1, 2],
    ] as [number, number][],
  });
  await made.append([two("a"), two("b")]);
  made.dispose();
  const vector = new Float32Array(dim).fill(1);
  const search = (index: FeatureIndex) => index.search({ vector });
  const overTime = (index: FeatureIndex) => index.similarityOverTime(vector, "b");
  const names = async (index: FeatureIndex) => index.videos();
  const [header, record] = [64, 24];
  type Case = [
    kind: "spans" | "videos",
    change: (b: Buffer) => void,
    use: (index: FeatureIndex) => Promise<unknown>,
    reason: RegExp,
  ];
  const cases: Case[] = [
    ["spans", (b) => b.writeUInt32LE(1, header + 16), search, /row 0 is not one of video 1, which it names/],
    ["spans", (b) => b.writeUInt32LE(0, header + 2 * record + 16), overTime, /row 2 belongs to video 1, .* names 0/],
    ["spans", (b) => b.writeDoubleLE(3, header + record), search, /row 1 has a broken record/],
    ["spans", (b) => b.writeUInt32LE(1, header + 20), search, /row 0 has a broken record/],
    ["videos", (b) => b.writeDoubleLE(1, header + record), names, /the name of video 1 do not follow/],
    ["videos", (b) => b.writeDoubleLE(0, header + record + 8), names, /the name of video 1 do not follow/],
    ["videos", (b) => b.writeUInt32LE(1, header + record + 16), names, /the videos have 3 of 4 rows/],
  ];
  for (const [kind, change, use, reason] of cases) {
    const at = folder();
    cpSync(source, at, { recursive: true });
    const path = join(at, `${kind}-0.bin`);
    const bytes = readFileSync(path);
    change(bytes);
    writeFileSync(path, bytes);
    const index = await FeatureIndex.open(at);
    await refused(() => use(index), reason, IndexError);
    index.dispose();
    rmSync(at, { recursive: true });
  }
});

test("an index.json that is not UTF-8 is refused", async () => {
  const at = folder();
  (await FeatureIndex.create(at, { dim: 4, settings: { of: "é" } })).dispose();
  const text = readFileSync(join(at, "index.json"), "utf8");
  writeFileSync(join(at, "index.json"), Buffer.from(text, "latin1"));
  await refused(() => FeatureIndex.open(at), /index.json: the file is not UTF-8/, IndexError);
});

test("a file that shrinks while the index is open causes an error and does not end the process", async () => {
  const at = folder();
  const index = await FeatureIndex.create(at, { dim: 512 });
  await index.append(videos(200, 512));
  truncateSync(join(at, "rows-0.bin"), 1000);
  await refused(() => index.search({ vector: new Float32Array(512) }), /rows-0.bin: the file is truncated/, IndexError);
  index.dispose();
});

test("data that an interrupted writer left beyond the manifest is ignored and then truncated", async () => {
  const at = folder();
  const dim = 8;
  const index = await FeatureIndex.create(at, { dim, dtype: "f32" });
  await index.append(videos(3, dim));
  for (const kind of ["rows", "spans", "videos", "names"])
    appendFileSync(join(at, `${kind}-0.bin`), Buffer.alloc(77, 7));
  writeFileSync(join(at, "rows-1.bin"), "left by a change that was killed");
  writeFileSync(join(at, ".lock"), JSON.stringify({ pid: 4194304 + 1, host: hostname(), token: "gone" }));
  const reader = await FeatureIndex.open(at);
  assert.is(reader.size, 6);
  reader.dispose();
  await index.append(videos(2, dim, 3));
  const query = hashValues("index", "query", dim);
  const rows = async () => (await index.search({ vector: query, top: 99 })).map(({ row }) => row);
  assert.equal(
    await rows(),
    expected(videos(5, dim), query).map(({ row }) => row),
  );
  assert.not.ok(existsSync(join(at, "rows-1.bin")));
  index.dispose();
});

test.run();
