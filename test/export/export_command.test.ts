// The commands that export: exit codes, what they print, and an extraction that exports.
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportBeside } from "#lib/export/formats.js";
import { makeVideos } from "../features/tiny_extraction.js";
import { jsonLines, videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { addToStore, DIM, oddEntries } from "./feature_stores.js";
import { readParquet } from "./read_back.js";

const test = suite("commands that export");
const root = temporaryFolder("export-command");
const store = join(root, "features");
addToStore(store, oddEntries());
const exporting = (...args: string[]) => videoclip("features", "export", ...args);

test("an export says what it wrote; broken features give exit code 1, wrong usage 2", async () => {
  const out = join(root, "a.parquet");
  const run = exporting(store, "--to", "parquet", "--out", out, "--json");
  assert.is(run.status, 0, run.stderr);
  const [{ seconds, ...summary }] = run.lines();
  const files = [{ name: out, bytes: readFileSync(out).length }];
  assert.equal(summary, { to: "parquet", out, videos: 16, rows: 31, dim: DIM, files });
  assert.type(seconds, "number");
  assert.match(run.stderr, /^31 rows of 16 videos in .*a\.parquet \(1 file, \d+ bytes\) in [\d.]+ s\n$/);
  const again = exporting(store, "--to", "parquet", "--out", out);
  assert.equal([again.status, again.stdout], [2, ""]);
  assert.match(again.stderr, /^videoclip: out: .* exists: choose another name, or replace it with --force \[ERR_INVALID_ARGUMENT\]\n$/); // prettier-ignore
  const broken = join(root, "broken");
  addToStore(broken, oddEntries());
  truncateSync(join(broken, "3.npy"), 131);
  const left = exporting(broken, "--to", "parquet", "--out", out, "--force", "--json");
  assert.equal([left.status, left.lines()[0].failures, left.lines()[0].videos], [1, 1, 15]);
  assert.match(left.stderr, /^failed: .*3\.npy: the file has 131 bytes.*\[ERR_FEATURES\]\n1 videos were left out\n/);
  assert.is((await readParquet(out)).clips.length, 30);
  const quiet = exporting(store, "--to", "parquet", "--out", out, "--force", "--quiet");
  assert.equal([quiet.status, quiet.stdout, quiet.stderr], [0, "", ""]);
  for (const [args, message] of [
    [[store, "--out", out], /required option '--to <format>' not specified/],
    [
      [store, "--to", "arrow", "--out", out],
      /Allowed choices are parquet, webdataset, npz, clip-retrieval, faiss, fbin, jsonl, pgvector/,
    ],
    [[store, "--to", "faiss", "--dtype", "f16", "--out", join(root, "x")], /dtype: faiss has f32, received f16/],
    [[join(root, "none"), "--to", "npz", "--out", join(root, "x")], /none is not a folder/],
  ] as [string[], RegExp][]) {
    const wrong = exporting(...args);
    assert.is(wrong.status, 2, wrong.stderr);
    assert.match(wrong.stderr, message);
  }
});

test("an extraction exports what it has, and the exports follow when it goes on", async () => {
  const videos = join(root, "videos");
  await makeVideos(videos, ["a.mp4", "b.mp4"]);
  const out = join(root, "extracted");
  const flags = ["--model", "s3d-tiny", "--preset", "shapes", "--random-weights", "1", "--frames", "2", "--stride", "4", "--json", "--quiet"]; // prettier-ignore
  const extract = (...more: string[]) => videoclip("extract", videos, ...flags, "--out", `${out}/`, ...more);
  const formats = ["--format", "parquet,jsonl", "--format", "webdataset"];
  const first = extract(...formats);
  assert.is(first.status, 0, first.stderr);
  const exports = first.lines().filter(({ event }) => event === "export");
  assert.equal(exports.map(({ to, out: at }) => [to, at]), [["parquet", `${out}.parquet`], ["jsonl", `${out}.jsonl`], ["webdataset", `${out}.webdataset`]]); // prettier-ignore
  assert.is(first.lines().at(-4).event, "summary");
  const { clips } = await readParquet(`${out}.parquet`);
  const manifest = jsonLines(join(out, "manifest.jsonl"));
  assert.is(clips.length, manifest[0].clips + manifest[1].clips);
  assert.equal(clips.filter(({ path }) => path === manifest[0].path).map(({ start, end }) => [start, end]), manifest[0].timestamps); // prettier-ignore
  await makeVideos(videos, ["a.mp4", "b.mp4", "c.mp4"]);
  const next = extract(...formats, "--resume");
  assert.is(next.status, 0, next.stderr);
  assert.is(new Set((await readParquet(`${out}.parquet`)).clips.map(({ path }) => path)).size, 3);
  // nothing is extracted when an export cannot be written
  const other = join(root, "other");
  writeFileSync(`${other}.parquet`, "somebody's file");
  const refused = videoclip("extract", videos, ...flags, "--out", other, "--format", "parquet");
  assert.is(refused.status, 2);
  assert.match(refused.stderr, /other\.parquet exists/);
  assert.not.ok(existsSync(other));
  const shard = videoclip("extract", videos, ...flags, "--out", other, "--format", "npz", "--shard", "0/2");
  assert.is(shard.status, 2);
  assert.match(shard.stderr, /a shard is not the whole extraction/);
  const unknown = videoclip("extract", videos, ...flags, "--out", other, "--format", "npz,arrow");
  assert.equal([unknown.status, /Allowed choices are parquet/.test(unknown.stderr)], [2, true]);
});

test("exports beside a folder have its name", () => {
  assert.is(exportBeside("a/features/", "parquet"), "a/features.parquet");
  assert.is(exportBeside("features", "clip-retrieval"), "features.clip-retrieval");
  assert.is(exportBeside("./", "npz"), `${process.cwd()}.npz`);
});

test.run();
