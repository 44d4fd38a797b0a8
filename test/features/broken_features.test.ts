// Unusable features are omitted with their reason; the others are indexed, embedded and classified.
import { mkdirSync, readFileSync, truncateSync, writeFileSync, existsSync } from "node:fs";
import { basename, join } from "node:path";
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { classifyFolder } from "#lib/features/classify_folder.js";
import { embedToFolder } from "#lib/features/embed_to_folder.js";
import type { FeatureFailure } from "#lib/features/feature_failures.js";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { indexFeatures } from "#lib/features/index_features.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { npyData, npyHeader } from "#lib/weights/npy.js";
import { CLI, jsonLines } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("broken features");
const root = temporaryFolder("broken");

function npy(at: string, name: string, rows: number, width: number, change: (data: Float32Array) => void = () => {}) {
  const data = Float32Array.from({ length: rows * width }, (_, i) => Math.sin(i));
  change(data);
  writeFileSync(join(at, name), Buffer.concat([npyHeader([rows, width], "f32"), npyData(data, "f32")]));
}

/** Features of 256 values: good files between bad ones of every kind, of which the first has another width. */
function folder(name: string): string {
  const at = join(root, name);
  mkdirSync(at);
  npy(at, "a_width.npy", 3, 100);
  npy(at, "b_good.npy", 3, 256);
  npy(at, "c_cut.npy", 3, 256);
  truncateSync(join(at, "c_cut.npy"), 900);
  writeFileSync(join(at, "d_empty.npy"), "");
  npy(at, "e_none.npy", 0, 256);
  npy(at, "f_nan.npy", 3, 256, (data) => (data[300] = NaN));
  writeFileSync(join(at, "g_text.npy"), "no array\n".repeat(40));
  npy(at, "x_good.npy", 2, 256);
  npy(at, "y_good.npy", 4, 256);
  return at;
}
const GOOD = ["b_good.npy", "x_good.npy", "y_good.npy"];
const BAD = ["a_width.npy", "c_cut.npy", "d_empty.npy", "e_none.npy", "f_nan.npy", "g_text.npy"];
const collector = () => {
  const failures: FeatureFailure[] = [];
  return {
    failures,
    onFailure: (failure: FeatureFailure) => failures.push(failure),
    names: () => failures.map(({ video }) => basename(video)).sort(),
  };
};

test("index without a model omits broken features", async () => {
  const at = folder("plain");
  const out = join(root, "plain-index");
  npy(at, "z_large.npy", 2, 256, (data) => (data[5] = 1e6));
  const { onFailure, names, failures } = collector();
  const summary = await indexFeatures([at], { out, seconds: 1, threads: 1, onFailure });
  assert.equal([summary.videos, summary.skipped, summary.failures, summary.rows], [3, 0, 7, 9]);
  assert.equal(names(), [...BAD, "z_large.npy"]);
  assert.match(failures.find(({ video }) => video.includes("f_nan"))!.error.message, /row 1, column 44 is NaN/);
  const index = await FeatureIndex.open(out);
  assert.equal(index.videos().map((video) => basename(video)), GOOD); // prettier-ignore
  index.dispose();
  const lines = jsonLines(join(out, "failures.jsonl"));
  assert.is(lines.length, 7);
  assert.ok(lines.every(({ code, reason }) => code.startsWith("ERR_") && reason !== ""));
  for (const name of [...BAD, "z_large.npy"]) npy(at, name, 1, 256);
  const mended = await indexFeatures([at], { out, seconds: 1, threads: 1 });
  assert.equal([mended.videos, mended.skipped, mended.failures], [7, 3, undefined]);
  assert.not.ok(existsSync(join(out, "failures.jsonl")));
});

test("index, embed and classify with a model omit broken features, as functions and as commands", async () => {
  const at = folder("model");
  const model = "models/shapes";
  const clip = await VideoClip.load(model, { device: "cpu", threads: 1 });
  const indexing = collector();
  const summary = await indexFeatures([at], { out: join(root, "model-index"), model: clip, seconds: 1, threads: 1, onFailure: indexing.onFailure }); // prettier-ignore
  assert.equal([summary.videos, indexing.names()], [3, BAD]);
  const embedding = collector();
  const out = join(root, "embedded");
  const counts = await embedToFolder({ model: clip, features: [at], out, seconds: 1, onFailure: embedding.onFailure });
  assert.equal([counts.rows, counts.failures, embedding.names()], [3, 6, BAD]);
  const rows = new Float32Array(Uint8Array.from(readFileSync(join(out, "video.npy"))).buffer.slice(128));
  assert.ok(rows.every(Number.isFinite));
  const classifying = collector();
  const classified: string[] = [];
  for await (const { video } of classifyFolder([at], ["a", "b"], { model: clip, onFailure: classifying.onFailure }))
    classified.push(basename(video));
  assert.equal([classified, classifying.names()], [GOOD, BAD]);
  clip.dispose();
  const args = [CLI, "index", at, "--model", model, "--out", join(root, "cli"), "--seconds", "1", "--json"]; // prettier-ignore
  const run = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.is(run.status, 1, run.stderr);
  assert.is(JSON.parse(run.stdout).failures, 6);
  assert.match(run.stderr, /failed: .*c_cut\.npy.*\n/);
  assert.match(run.stderr, /6 videos were left out: see .*failures\.jsonl/);
});

test("without usable features nothing is written, and the error has the first reason", async () => {
  const at = join(root, "bad");
  mkdirSync(at);
  writeFileSync(join(at, "a.npy"), "");
  const out = join(root, "bad-index");
  const error = await indexFeatures([at], { out, seconds: 1 }).catch((e) => e);
  assert.match(error.message, /a\.npy/);
  assert.not.ok(existsSync(out));
});

test.run();
