// An index of Parquet files and WebDataset shards equals that of the folder that they were made from; foreign files of the same
// convention are read, and others are refused with the reason.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SchemaElement } from "hyparquet";
import { parquetWriteBuffer } from "hyparquet-writer";
import { packTar } from "modern-tar";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportFeatures } from "#lib/export/export_features.js";
import { loadFeatures } from "#lib/features/extracted_features.js";
import type { FeatureFailure } from "#lib/features/feature_failures.js";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { openFeatureInputs } from "#lib/features/formats/feature_inputs.js";
import { indexFeatures, type IndexFeaturesOptions } from "#lib/features/index_features.js";
import { npyBytes } from "#lib/weights/npy.js";
import { addToStore, inOrder, oddEntries, SPACE } from "../export/feature_stores.js";
import { videoclip } from "../support/command_line.js";
import { refused, rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("features in Parquet and WebDataset");
const root = temporaryFolder("feature-inputs");
const store = join(root, "features");
const entries = inOrder(oddEntries());
// in the order of exports, so that the bytes of the indexes can be compared
addToStore(store, entries);
const parquet = join(root, "features.parquet");
const shards = join(root, "features.webdataset");
await exportFeatures(store, { to: "parquet", out: parquet });
await exportFeatures(store, { to: "parquet", out: join(root, "half.parquet"), dtype: "f16" });
await exportFeatures(store, { to: "webdataset", out: shards, shardBytes: 8000 });
let indexes = 0;

/** Indexes inputs; returns what the index has. */
async function indexed(inputs: string[], options: Partial<IndexFeaturesOptions> = {}) {
  const out = join(root, `index-${indexes++}`);
  const failures: FeatureFailure[] = [];
  const summary = await indexFeatures(inputs, { out, threads: 1, onFailure: (one) => failures.push(one), ...options });
  const index = await FeatureIndex.open(out, { threads: 1 });
  const { dim, settings, manifest } = index;
  const videos = index.videos();
  index.dispose();
  // behind the header, which has the index's id
  const bytes = (kind: string) => readFileSync(join(out, `${kind}-${manifest.generation}.bin`)).toString("hex", 64);
  return { summary, videos, dim, settings, rows: bytes("rows"), spans: bytes("spans"), failures };
}

const found = async (path: string) => {
  const { files, settings } = await openFeatureInputs([path]);
  const videos = [];
  for (const file of files) {
    const { data, shape, timestamps } = await loadFeatures(file);
    videos.push({ video: file.video, data: Array.from(data), shape, timestamps });
  }
  return { videos, settings };
};

test("the index is that of the folder: rows, times, names and settings", async () => {
  const { summary, ...folder } = await indexed([store]);
  assert.is(summary.videos, entries.length);
  for (const inputs of [
    [parquet],
    [join(root, "half.parquet")],
    [shards],
    readdirSync(shards)
      .filter((name) => name.endsWith(".tar"))
      .map((name) => join(shards, name)),
  ]) {
    const { summary: own, ...rest } = await indexed(inputs);
    assert.equal(rest, folder, inputs[0]);
    assert.is(own.rows, summary.rows);
  }
  const nested = join(root, "folder of parquet");
  mkdirSync(nested);
  writeFileSync(join(nested, "0.parquet"), readFileSync(parquet));
  assert.equal({ ...(await indexed([nested])), summary }, { ...folder, summary });
});

test("the command adds the same features to an index once", () => {
  const out = join(root, "command");
  const first = videoclip("index", parquet, "--out", out, "--json", "--quiet", "--threads", "1");
  assert.is(first.status, 0, first.stderr);
  assert.is(first.lines()[0].videos, entries.length);
  for (const again of [shards, store]) {
    const next = videoclip("index", again, "--out", out, "--json", "--quiet", "--threads", "1");
    assert.equal([next.lines()[0].videos, next.lines()[0].skipped], [0, entries.length], next.stderr);
  }
  const other = videoclip("index", join(root, "nothing.parquet"), "--out", out);
  assert.is(other.status, 2);
  assert.match(other.stderr, /nothing\.parquet is not a folder/);
});

/** A Parquet file as other programs write it. */
function foreign(name: string, columns: Record<string, unknown[]>, list = "embedding", rowGroupSize = 1000): string {
  const path = join(root, name);
  const columnData = Object.entries(columns).map(([column, data]) => ({ name: column, data }));
  const schema: SchemaElement[] = [
    { name: "root", num_children: columnData.length },
    ...columnData.flatMap(({ name: column, data }): SchemaElement[] => {
      if (column === list) {
        return [
          { name: list, num_children: 1, converted_type: "LIST", repetition_type: "OPTIONAL" },
          { name: "list", num_children: 1, repetition_type: "REPEATED" },
          { name: "item", type: "DOUBLE", repetition_type: "OPTIONAL" },
        ];
      }
      if (typeof data[0] !== "string") return [{ name: column, type: "DOUBLE", repetition_type: "OPTIONAL" }];
      return [{ name: column, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" }];
    }),
  ];
  writeFileSync(path, new Uint8Array(parquetWriteBuffer({ columnData, schema, rowGroupSize })));
  return path;
}

test("Parquet of others: columns of other names, without times, videos across row groups", async () => {
  const video = ["a", "a", "a", "b", "c", "c"];
  const embedding = video.map((_, i) => [i, i + 0.5]);
  const path = foreign("foreign.parquet", { id: [1, 2, 3, 4, 5, 6], video, embedding }, "embedding", 2);
  const { videos, settings } = await found(path);
  assert.equal(settings, {});
  assert.equal(videos, [
    { video: "a", data: [0, 0.5, 1, 1.5, 2, 2.5], shape: [3, 2], timestamps: undefined },
    { video: "b", data: [3, 3.5], shape: [1, 2], timestamps: undefined },
    { video: "c", data: [4, 4.5, 5, 5.5], shape: [2, 2], timestamps: undefined },
  ]);
  await refused(indexed([path]), /say how many seconds a feature stands for/);
  assert.is((await indexed([path], { seconds: 2 })).summary.rows, 6);
  const timed = foreign("timed.parquet", { path: ["a", "a", "b"], start: [0, 2, 0], end: [2, 4, 2], vector: [[1], [2], [3]] }, "vector"); // prettier-ignore
  assert.equal((await found(timed)).videos.map(({ timestamps }) => timestamps), [[[0, 2], [2, 4]], [[0, 2]]]); // prettier-ignore
});

test("Parquet that pyarrow and polars write in their ways", async () => {
  const code = `
import sys, pyarrow as pa, pyarrow.parquet as pq
rows = {"path": ["a", "a", "b"], "start": [0.0, 1.0, 0.0], "end": [1.0, 2.0, 1.0]}
values = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
kinds = {"list": pa.list_(pa.float32()), "large": pa.large_list(pa.float64()), "fixed": pa.list_(pa.float32(), 2), "half": pa.list_(pa.float16())}
for name, kind in kinds.items():
    table = pa.table({**rows, "feature": pa.array(values, kind)})
    for codec in ["none", "snappy", "gzip", "brotli"] + (["zstd"] if name == "list" else []):
        pq.write_table(table, f"{sys.argv[1]}/{name}-{codec}.parquet", compression=codec, row_group_size=2)
try:
    import polars
    polars.DataFrame({**rows, "feature": values}).write_parquet(f"{sys.argv[1]}/polars.parquet", compression="snappy")
except ModuleNotFoundError: pass
`;
  const folder = join(root, "python");
  mkdirSync(folder);
  const python = spawnSync("python3", ["-c", code, folder], { encoding: "utf8" });
  if (python.error || python.stderr.includes("ModuleNotFoundError"))
    return void process.stdout.write("SKIP Parquet of pyarrow: Python has no module pyarrow\n");
  assert.is(python.status, 0, python.stderr);
  const names = readdirSync(folder);
  assert.ok(names.length >= 17);
  for (const name of names) {
    if (
      name.includes("zstd") &&
      !((await import("node:zlib")) as object as Record<string, unknown>).zstdDecompressSync
    ) {
      await refused(openFeatureInputs([join(folder, name)]), /ZSTD/, "ERR_FEATURES");
      continue;
    }
    const { videos } = await found(join(folder, name));
    assert.equal(videos, [
      { video: "a", data: [1, 2, 3, 4], shape: [2, 2], timestamps: [[0, 1], [1, 2]] },
      { video: "b", data: [5, 6], shape: [1, 2], timestamps: [[0, 1]] },
    ], name); // prettier-ignore
  }
});

test("one broken video of a file is left out, the others are indexed", async () => {
  const embedding = [[1, 2], [3], [4, 5], [6, 7], [Number.NaN, 1], null, [8, 9]];
  const video = ["ragged", "ragged", "good", "good", "nan", "empty", "also good"];
  const { summary, videos, failures } = await indexed([foreign("broken.parquet", { video, embedding })], {
    seconds: 1,
  });
  assert.equal([summary.videos, summary.failures, videos], [2, 3, ["good", "also good"]]);
  const reasons = Object.fromEntries(failures.map(({ video: name, error }) => [name, error.message]));
  assert.match(reasons.ragged, /row 1 has 1 values, others 2/);
  assert.match(reasons.nan, /row 4, column 0 is NaN/);
  assert.match(reasons.empty, /row 5: its embedding is no list/);
  const npy = (values: Float32Array, shape: number[]) => npyBytes(values, shape, "f32");
  const entry = (name: string, body: Uint8Array | string) => ({ header: { name, size: body.length }, body });
  const tar = join(root, "broken.tar");
  const bytes = await packTar([
    entry("good.npy", npy(Float32Array.of(1, 2), [1, 2])),
    entry("good.txt", "another field"),
    entry("flat.npy", npy(Float32Array.of(1, 2), [2])),
    entry("text.npy", "no array"),
    entry("nan.npy", npy(Float32Array.of(1, Number.NaN), [1, 2])),
    entry("alone.json", '{"path": "/v/alone.mp4"}'),
    entry("times.npy", npy(Float32Array.of(1, 2), [1, 2])),
    entry("times.json", '{"timestamps": [[0, 1], [1, 2]]}'),
    entry("sub/named.npy", npy(Float32Array.of(3, 4), [1, 2])),
    entry("sub/named.json", '{"path": "/v/named.mp4", "timestamps": [[0, 3]]}'),
  ]);
  writeFileSync(tar, bytes);
  const shard = await indexed([tar], { seconds: 1 });
  assert.equal([shard.videos, shard.summary.failures], [["good", "/v/named.mp4"], 4]);
  const messages = shard.failures.map(({ error }) => error.message).join("\n");
  for (const part of [/found \[2\]/, /not an \.npy array/, /column 1 is NaN/, /1 features, but the manifest has 2/]) assert.match(messages, part); // prettier-ignore
});

test("files that are none, or whose videos do not belong together, are refused", async () => {
  const bad = (name: string, content: Uint8Array | string) => {
    writeFileSync(join(root, name), content);
    return join(root, name);
  };
  const whole = readFileSync(parquet);
  for (const [path, message] of [
    [bad("text.parquet", "no parquet at all"), /text\.parquet: it cannot be read as Parquet/],
    [bad("none.parquet", ""), /none\.parquet: it cannot be read as Parquet/],
    [bad("cut.parquet", whole.subarray(0, whole.length / 2)), /cut\.parquet: it cannot be read as Parquet/],
    [foreign("columns.parquet", { name: ["a"], embedding: [[1]] }), /no column path, video, video_path; its columns are name, embedding/], // prettier-ignore
    [foreign("no list.parquet", { path: ["a"], other: [1] }), /no column feature, embedding, vector/],
    [foreign("apart.parquet", { path: ["a", "b", "a"], embedding: [[1], [2], [3]] }), /rows of a are not consecutive \(row 2\)/], // prettier-ignore
    [bad("text.tar", "no archive at all"), /text\.tar: the archive is cut off/],
    [bad("empty.tar", new Uint8Array(1024)), /there are no features/],
  ] as const) {
    await refused(openFeatureInputs([path]), message, "ERR_FEATURES");
  }
  const facts = (settings: unknown) => JSON.stringify({ settings });
  const npy = npyBytes(Float32Array.of(1), [1, 1], "f32");
  const pack = async (name: string, files: [string, string | Uint8Array][]) =>
    bad(name, await packTar(files.map(([entry, body]) => ({ header: { name: entry, size: body.length }, body }))));
  const mixed = await pack("mixed.tar", [["a.npy", npy], ["a.json", facts(SPACE)], ["b.npy", npy], ["b.json", facts({ ...SPACE, weights: "other" })]]); // prettier-ignore
  await refused(openFeatureInputs([mixed]), /features of different kinds/, "ERR_FEATURES");
  await refused(
    openFeatureInputs([
      await pack("twice.tar", [
        ["a.npy", npy],
        ["a.npy", npy],
      ]),
    ]),
    /two entries are named "a.npy"/,
  );
  await refused(
    openFeatureInputs([
      await pack("json.tar", [
        ["a.npy", npy],
        ["a.json", "{"],
      ]),
    ]),
    /a\.json is no JSON/,
  );
  await refused(
    openFeatureInputs([
      await pack("type.tar", [
        ["a.npy", npy],
        ["a.json", '{"path": 3}'],
      ]),
    ]),
    /expected path, timestamps/,
  );
  await refused(openFeatureInputs([parquet, shards]), /its features are there twice/, "ERR_FEATURES");
  const error = await rejection(
    openFeatureInputs([parquet, foreign("other.parquet", { path: ["x"], embedding: [[1]] })]),
  );
  assert.match(error.message, /features of different kinds: model "s3d-tiny" and undefined/);
});

test("a file that changes after it was opened is an error, not other features", async () => {
  const path = foreign("changing.parquet", { path: ["a"], embedding: [[1, 2]] });
  const { files } = await openFeatureInputs([path]);
  writeFileSync(path, "");
  await refused(loadFeatures(files[0]), /changing\.parquet/, "ERR_FEATURES");
});

test.run();
