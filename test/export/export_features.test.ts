// Every format holds all clips of a folder in order, with equal values, times and names, and is read without the code that wrote it.
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportFeatures, type ExportFeaturesOptions } from "#lib/export/export_features.js";
import { EXPORT_FORMATS, type ExportFormatName } from "#lib/export/formats.js";
import { clipId } from "#lib/export/jsonl.js";
import type { FeatureFailure } from "#lib/features/feature_failures.js";
import { npyBytes } from "#lib/weights/npy.js";
import { refused, rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { addToStore, DIM, inOrder, oddEntries, SPACE, type StoredEntry, timesOf, valuesOf } from "./feature_stores.js";
import { type ReadClip, readExport, readParquet, readShards } from "./read_back.js";

const test = suite("exports of features");
const root = temporaryFolder("export");
let files = 0;
const scratch = (bytes: Uint8Array): string => {
  const path = join(root, `scratch-${files++}`);
  writeFileSync(path, bytes);
  return path;
};
let stores = 0;
const newStore = (): string => join(root, `store-${stores++}`, "features");

/** Exports beside the store; returns the path. */
async function exported(folder: string, to: ExportFormatName, options: Partial<ExportFeaturesOptions> = {}) {
  const out = join(dirname(folder), `out-${to}`);
  const summary = await exportFeatures(folder, { to, out, ...options });
  return { out, summary, clips: await readExport(to, out, scratch) };
}

/** The clips that an export of a store must have. */
const expected = (entries: readonly StoredEntry[], dim = DIM): ReadClip[] =>
  inOrder(entries).flatMap(({ path, clips, partial = false }) => {
    const values = valuesOf(path, clips, dim);
    return timesOf(clips).map(([start, end], clip) => {
      const feature = Array.from(values.subarray(clip * dim, (clip + 1) * dim));
      return { path, clip, start, end, duration: clips + 0.5, partial, feature };
    });
  });

/** Ids have neither the duration nor that a video is not partial. */
const asIds = (clips: ReadClip[]): ReadClip[] =>
  clips.map(({ duration: _, partial, ...rest }) => ({ ...rest, ...(partial ? { partial } : {}) }));
const WITH_IDS: ExportFormatName[] = ["faiss", "fbin", "jsonl"];

/** Everything in a folder that is no export and no store, such as what a failed export left. */
const leftovers = (folder: string): string[] => readdirSync(dirname(folder)).filter((name) => name !== "features");

for (const to of EXPORT_FORMATS) {
  test(`${to} has the clips of odd names in the order of their bytes`, async () => {
    const folder = newStore();
    addToStore(folder, oddEntries());
    const { clips, summary } = await exported(folder, to);
    const want = expected(oddEntries());
    assert.equal(clips, WITH_IDS.includes(to) ? asIds(want) : want);
    assert.equal([summary.videos, summary.rows, summary.dim, summary.failures], [16, want.length, DIM, undefined]);
    assert.ok(summary.files.length > 0 && summary.files.every(({ bytes }) => bytes > 0));
  });

  test(`${to} of one clip of one value`, async () => {
    const folder = newStore();
    const entries = [{ path: "/v/a.mp4", file: "a.npy", clips: 1, settings: { dim: 1, dtype: "f32" } }];
    addToStore(folder, entries);
    const { clips } = await exported(folder, to);
    const want = expected(entries, 1);
    assert.equal(clips, WITH_IDS.includes(to) ? asIds(want) : want);
  });

  test(`${to} has equal bytes for equal features of other workers, in another order and with other file names`, async () => {
    const [one, other] = [newStore(), newStore()];
    addToStore(one, oddEntries());
    const entries = oddEntries().map((entry, i) => ({ ...entry, file: `z${i}.npy`, finished_at: `2026-02-0${1 + (i % 9)}T00:00:00.000Z` })); // prettier-ignore
    addToStore(other, entries.slice(9).reverse(), "b");
    // a record that a later one replaces
    addToStore(other, [{ path: entries[0].path, file: "old.npy", clips: 3 }], "a");
    addToStore(other, entries.slice(0, 9), "a");
    const [a, b] = [await exported(one, to), await exported(other, to)];
    const bytes = (out: string, names: readonly { name: string }[]) =>
      names.map(({ name }) => readFileSync(name === out || name.startsWith(out) ? name : join(out, name), "hex"));
    assert.equal(bytes(a.out, a.summary.files), bytes(b.out, b.summary.files));
    if (existsSync(join(a.out, "export.json")))
      assert.is(readFileSync(join(a.out, "export.json"), "utf8"), readFileSync(join(b.out, "export.json"), "utf8"));
  });

  test(`${to} leaves broken features out and lists them`, async () => {
    const folder = newStore();
    const entries = oddEntries();
    addToStore(folder, entries);
    truncateSync(join(folder, "2.npy"), 130); // does not fit its record
    writeFileSync(join(folder, "5.npy"), Buffer.alloc(128 + entries[5].clips * DIM * 2, "x")); // the right size, no array
    const bad = valuesOf(entries[7].path, entries[7].clips);
    bad[3] = Number.NaN;
    writeFileSync(join(folder, "7.npy"), npyBytes(bad, [entries[7].clips, DIM], "f16"));
    addToStore(folder, [{ path: "/v/gone.mp4", file: "gone.npy", clips: 2 }]);
    unlinkSync(join(folder, "gone.npy"));
    // names that no file has: the features of the first are those of another video, the second is no record
    const zero = {
      path: "/v/\0.mp4",
      file: "8.npy",
      clips: 3,
      timestamps: timesOf(3),
      settings: { ...SPACE, dtype: "f16" },
    };
    appendFileSync(
      join(folder, "manifest.jsonl"),
      `{"path": 3}\n${JSON.stringify(zero)}\n${JSON.stringify({ ...zero, path: "/v/\ud800.mp4" })}\n`,
    );
    const failures: FeatureFailure[] = [];
    const { clips, summary } = await exported(folder, to, { onFailure: (failure) => failures.push(failure) });
    const left = entries.filter((_, i) => ![2, 5, 7, 8].includes(i));
    const want = expected(left);
    assert.equal(clips, WITH_IDS.includes(to) ? asIds(want) : want);
    assert.equal([summary.videos, summary.failures, failures.length], [left.length, 7, 7]);
    const reasons = failures.map(({ error }) => error.message).join("\n");
    for (const part of [/manifest.jsonl:18: its path is missing/, /gone.npy: the file is gone/, /2.npy: the file has 130 bytes/, /not an .npy array/, /row 0, column 3 is not finite/, /no name of a file/, /manifest.jsonl:20: its path is no text/]) assert.match(reasons, part); // prettier-ignore
  });

  test(`${to} of a plain folder has the names of its files and no times`, async () => {
    const folder = newStore();
    mkdirSync(folder, { recursive: true });
    for (const name of ["b", "a.b"])
      writeFileSync(join(folder, `${name}.npy`), npyBytes(valuesOf(name, 2), [2, DIM], "f32"));
    const { clips } = await exported(folder, to);
    const names = clips.map(({ path, clip }) => [path, clip]);
    assert.equal(names, [["a.b", 0], ["a.b", 1], ["b", 0], ["b", 1]]); // prettier-ignore
    assert.equal(clips[2].feature, Array.from(valuesOf("b", 2).subarray(0, DIM)));
    assert.ok(
      clips.every(({ start, end, duration }) => start === undefined && end === undefined && duration === undefined),
    );
  });

  test(`${to} refuses what it cannot do and leaves nothing`, async () => {
    const folder = newStore();
    const out = join(dirname(folder), "out");
    addToStore(folder, oddEntries());
    await refused(exportFeatures(join(root, "nowhere"), { to, out }), /is not a folder/, "ERR_INVALID_ARGUMENT");
    await refused(exportFeatures(folder, { to, out: join(folder, "x") }), /in the folder of the features/);
    await refused(exportFeatures(folder, { to, out: "s3://bucket/x" }), /is an address/, "ERR_INVALID_ARGUMENT");
    await refused(exportFeatures(folder, { to, out, shardBytes: 0 }), /shardBytes/, "ERR_INVALID_ARGUMENT");
    const stopped = AbortSignal.abort(new Error("stopped"));
    await refused(exportFeatures(folder, { to, out, signal: stopped }), /stopped/);
    const stop = new AbortController();
    const stopping = { signal: stop.signal, onProgress: () => stop.abort(new Error("stopped")) };
    await refused(exportFeatures(folder, { to, out, ...stopping }), /stopped/);
    // a width that differs in its record is another kind of features
    addToStore(folder, [{ path: "/v/wide.mp4", file: "wide.npy", clips: 1, settings: { dim: 7 } }], "w");
    await refused(exportFeatures(folder, { to, out }), /features of different kinds: dim 6 and 7/, "ERR_FEATURES");
    assert.equal(leftovers(folder), []);
    const plain = newStore();
    mkdirSync(plain, { recursive: true });
    await refused(exportFeatures(plain, { to, out: `${plain}.out` }), /there are no features/, "ERR_FEATURES");
    writeFileSync(join(plain, "a.npy"), npyBytes(valuesOf("a", 2), [2, DIM], "f32"));
    writeFileSync(join(plain, "b.npy"), npyBytes(valuesOf("b", 2, 4), [2, 4], "f32"));
    await refused(
      exportFeatures(plain, { to, out: `${plain}.out` }),
      /different widths: a has 6 values, b 4/,
      "ERR_FEATURES",
    );
    writeFileSync(join(plain, "a.npy"), "");
    writeFileSync(join(plain, "b.npy"), "");
    await refused(exportFeatures(plain, { to, out: `${plain}.out` }), /not an .npy array/);
    assert.equal(leftovers(plain), []);
  });

  test(`${to} replaces an export only when asked, and never something else`, async () => {
    const folder = newStore();
    addToStore(folder, oddEntries().slice(0, 3));
    const { out, clips } = await exported(folder, to);
    const error = await rejection(exportFeatures(folder, { to, out }));
    assert.match(error.message, /exists: choose another name, or replace it with --force/);
    addToStore(folder, [{ path: "/v/new.mp4", file: "new.npy", clips: 2 }]);
    const again = await exported(folder, to, { force: true });
    assert.is(again.clips.length, clips.length + 2);
    const other = join(dirname(folder), "other");
    mkdirSync(other);
    writeFileSync(join(other, "notes.txt"), "kept");
    await refused(exportFeatures(folder, { to, out: other, force: true }), /is a folder|is no export/);
    assert.is(readFileSync(join(other, "notes.txt"), "utf8"), "kept");
    assert.not.ok(readdirSync(dirname(folder)).some((name) => /\.(tmp|old)$/.test(name)));
  });
}

test("f16 and f32 hold the stored values, and f16 refuses those above its range", async () => {
  const folder = newStore();
  const entries = oddEntries().map((entry) => ({ ...entry, settings: { dtype: "f32" } }));
  addToStore(folder, entries);
  const want = expected(entries);
  for (const to of ["parquet", "webdataset", "npz", "clip-retrieval", "fbin", "pgvector"] as const) {
    const { clips } = await exported(folder, to, { dtype: "f16" });
    assert.equal(clips.map(({ feature }) => feature), want.map(({ feature }) => feature), to); // prettier-ignore
  }
  for (const to of ["faiss", "jsonl"] as const) {
    const out = join(dirname(folder), "half");
    await refused(exportFeatures(folder, { to, out, dtype: "f16" }), /dtype: \w+ has f32, received f16/);
  }
  const large = valuesOf(entries[1].path, entries[1].clips);
  large[1] = 70000;
  writeFileSync(join(folder, "1.npy"), npyBytes(large, [entries[1].clips, DIM], "f32"));
  const failures: FeatureFailure[] = [];
  const { summary } = await exported(folder, "parquet", {
    dtype: "f16",
    force: true,
    onFailure: (one) => failures.push(one),
  });
  assert.is(summary.failures, 1);
  assert.match(failures[0].error.message, /row 0, column 1 is 70000, above the largest f16/);
});

test("other arrays of numpy count as f32: f64, integers, columns first", async () => {
  const folder = newStore();
  mkdirSync(folder, { recursive: true });
  const npy = (descr: string, order: string, bytes: Uint8Array) => {
    const head = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (2, 3), }`.padEnd(117);
    return Buffer.concat([Buffer.from("\x93NUMPY\x01\x00v\x00", "latin1"), Buffer.from(`${head}\n`), bytes]);
  };
  const bytesOf = (array: Float32Array | Float64Array | Int32Array) => new Uint8Array(array.buffer);
  writeFileSync(join(folder, "f64.npy"), npy("<f8", "False", bytesOf(Float64Array.of(1, 2, 3, 4, 5, 6))));
  writeFileSync(join(folder, "i32.npy"), npy("<i4", "False", bytesOf(Int32Array.of(1, 2, 3, 4, 5, 6))));
  writeFileSync(join(folder, "turned.npy"), npy("<f4", "True", bytesOf(Float32Array.of(1, 4, 2, 5, 3, 6))));
  const { clips } = await exported(folder, "parquet");
  assert.equal(clips.map(({ feature }) => feature), [[1, 2, 3], [4, 5, 6], [1, 2, 3], [4, 5, 6], [1, 2, 3], [4, 5, 6]]); // prettier-ignore
});

test("Parquet has the settings, and row groups of a fixed number of rows", async () => {
  const folder = newStore();
  const entries = [
    { path: "/v/a.mp4", file: "a.npy", clips: 40_000 },
    { path: "/v/b.mp4", file: "b.npy", clips: 40_000 },
  ];
  addToStore(folder, entries);
  const { out } = await exported(folder, "parquet");
  const { clips, settings, groups } = await readParquet(out);
  assert.is(groups, 2);
  assert.equal(settings, SPACE);
  assert.equal(clips, expected(entries));
  const wide = newStore();
  const rows = [{ path: "/v/a.mp4", file: "a.npy", clips: 5, settings: { dim: 3_000_000 } }];
  addToStore(wide, rows);
  const large = await readParquet((await exported(wide, "parquet")).out);
  assert.is(large.groups, 3); // two rows of 12 MB in a group
  assert.equal(large.clips.map(({ feature }) => feature.length), [3e6, 3e6, 3e6, 3e6, 3e6]); // prettier-ignore
  assert.is(large.clips[4].feature[2_999_999], valuesOf("/v/a.mp4", 5, 3_000_000)[14_999_999]);
});

test("WebDataset has shards of a size, and keys without dots that depend on the path alone", async () => {
  const folder = newStore();
  addToStore(folder, oddEntries());
  const { out, summary, clips } = await exported(folder, "webdataset", { shardBytes: 7000 });
  assert.ok(summary.files.length > 3);
  assert.equal(summary.files.map(({ name }) => name), summary.files.map((_, i) => `0000${i}.tar`).map((name) => name.slice(-9))); // prettier-ignore
  assert.ok(summary.files.every(({ bytes }) => bytes <= 7000));
  assert.equal(clips, expected(oddEntries()));
  const keys = [...(await readShards(out)).keys()];
  assert.is(new Set(keys).size, 32);
  for (const key of keys)
    assert.match(key, /^[A-Za-z0-9_-]{1,60}-[0-9a-f]{16}\.(npy|json)$|^-[0-9a-f]{16}\.(npy|json)$/);
  const alone = newStore();
  addToStore(alone, oddEntries().slice(3, 4));
  const [key] = (await readShards((await exported(alone, "webdataset")).out)).keys();
  assert.ok(keys.includes(key));
});

test("clip-retrieval has partitions whose numbers have equal digits", async () => {
  const folder = newStore();
  addToStore(folder, [
    { path: "/v/a.mp4", file: "a.npy", clips: 7 },
    { path: "/v/b.mp4", file: "b.npy", clips: 4 },
  ]);
  const { out, clips } = await exported(folder, "clip-retrieval", { shardBytes: DIM * 4 });
  const names = Array.from({ length: 11 }, (_, i) => `img_emb_${String(i).padStart(2, "0")}.npy`);
  assert.equal(readdirSync(join(out, "img_emb")), names);
  assert.is(clips.length, 11);
  const three = await exported(folder, "clip-retrieval", { shardBytes: DIM * 4 * 4, force: true });
  assert.equal(readdirSync(join(three.out, "metadata")), [
    "metadata_0.parquet",
    "metadata_1.parquet",
    "metadata_2.parquet",
  ]);
  assert.equal(three.clips, clips);
});

test("ids of JSON lines are UUIDs of version 5 of path and clip", async () => {
  // python3 -c 'import uuid; print(uuid.uuid5(uuid.NAMESPACE_URL, "/v/ü.mp4#3"))'
  assert.is(clipId("/v/ü.mp4", 3), "c4d4b36f-e536-54fa-ac84-db5c4f1b0f18");
});

test("unknown formats are refused", async () => {
  const folder = newStore();
  addToStore(folder, oddEntries());
  const to = "arrow" as ExportFormatName;
  await refused(
    exportFeatures(folder, { to, out: `${folder}.arrow` }),
    /to: expected one of parquet, .* received "arrow"/,
  );
  await refused(exportFeatures(folder, { to: "parquet", out: `${folder}.p`, shardBytes: 10 }), /parquet is one file/);
  assert.is(basename(folder), "features");
});

test.run();
