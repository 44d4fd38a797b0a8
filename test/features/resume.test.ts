// Resuming an extraction: a finished video has complete features of its current file, the last record is used, and
// files of others are not overwritten.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readManifests } from "#lib/records/read_manifests.js";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { indexFeatures } from "#lib/features/index_features.js";
import { readFeatureFolders } from "#lib/features/extracted_features.js";
import { readJsonLines, repairLastLine } from "#lib/base/json_lines.js";
import type { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { bytes, features, makeVideos, tinyCases, tinyEncoder } from "./tiny_extraction.js";
import { jsonLines } from "../support/command_line.js";
import { rejection } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("resume");
const root = temporaryFolder("resume");
const made = join(root, "made");
let encoder: VideoEncoder;

test.before(async () => {
  encoder = await tinyEncoder();
  await makeVideos(made, ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]);
});
test.after(() => encoder.dispose());

const setting = tinyCases(root, made, () => encoder);

test("features that are missing, cut or longer than their record are made again, and index and embed use the last record", async () => {
  const { out, run, manifest, at } = setting("a.mp4", "b.mp4", "c.mp4", "d.mp4");
  await run();
  const before = bytes(out);
  rmSync(join(out, "a.npy"));
  truncateSync(join(out, "b.npy"), 200);
  appendFileSync(join(out, "c.npy"), "x");
  const known = readFeatureFolders([out]);
  assert.equal(known.files.map(({ video }) => basename(video)), ["d.mp4"]); // prettier-ignore
  assert.equal(known.broken.map(({ reason }) => reason.replace(/\d+/g, "N")).sort(), [
    "the file has N bytes, N clips need N",
    "the file has N bytes, N clips need N",
    "the file is gone",
  ]);
  const again = await run({ resume: true });
  assert.equal([again.videos, again.skipped], [3, 1]);
  assert.is(again.notes.filter((note) => /its video is extracted again/.test(note)).length, 3, again.notes.join("\n"));
  assert.equal(bytes(out), before);
  assert.is(jsonLines(manifest).length, 7, "records are appended");
  const index = await indexFeatures([out], { out: join(at, "index"), threads: 1 });
  assert.is(index.videos, 4);
});

test("lines that are no record are reported and skipped: zeros, half a line, other values, names outside the folder", async () => {
  const { out, run, manifest } = setting("a.mp4", "b.mp4", "c.mp4");
  await run();
  const [first, second, third] = readFileSync(manifest, "utf8").split("\n");
  const stray = [
    "\0\0\0\0",
    '{"path":"x',
    "{}",
    "null",
    "[1]",
    first.replace(/"file":"[^"]*"/, '"file":"../a.npy"'),
    first.replace(/"file":"[^"]*"/, '"file":"a\\u0000.npy"'),
    first.replace(/"timestamps":\[.*?\]\]/, '"timestamps":[]'),
  ];
  writeFileSync(manifest, `${[second, ...stray, `\0\0${third}`].join("\n")}\n{"path":"torn`);
  assert.is(readManifests(out).broken.length, stray.length);
  assert.match(readManifests(out).broken[1].place, /manifest\.jsonl:3$/);
  const again = await run({ resume: true });
  assert.equal([again.videos, again.skipped], [1, 2], again.notes.join("\n"));
  assert.match(again.notes.join("\n"), /manifest\.jsonl:3: it is not JSON .*; its video is extracted again/);
  assert.is(readFeatureFolders([out]).files.length, 3);
  assert.not.match(readFileSync(manifest, "utf8"), /torn/);
});

test("a last line without line break is used if it is complete, and truncated otherwise", () => {
  const path = join(root, "lines.jsonl");
  for (const [text, expected] of [
    ['{"a":1}\n{"b":', '{"a":1}\n'],
    ['{"a":1}\n{"b":2}', '{"a":1}\n{"b":2}\n'],
    ['{"b":', ""],
    ["", ""],
    ['{"a":1}\n', '{"a":1}\n'],
  ]) {
    writeFileSync(path, text);
    repairLastLine(path);
    assert.is(readFileSync(path, "utf8"), expected);
  }
  repairLastLine(join(root, "none.jsonl"));
  assert.not.ok(existsSync(join(root, "none.jsonl")));
});

test("a manifest is read line by line, wherever its lines are cut into blocks", () => {
  const path = join(root, "long.jsonl");
  const lines = Array.from({ length: 40 }, (_, i) => ({ i, text: "ä".repeat(i * 7919) }));
  writeFileSync(path, lines.map((line) => JSON.stringify(line)).join("\r\n"));
  const read = [...readJsonLines(path, { torn: true })];
  assert.equal(read.map(({ value }) => value), lines); // prettier-ignore
  assert.equal(read.map(({ line }) => line), lines.map((_, i) => i + 1)); // prettier-ignore
  assert.is([...readJsonLines(path)].length, 39, "the last line may be unfinished");
});

test("the unfinished files of a killed run are removed", async () => {
  const { out, run } = setting("a.mp4");
  await run();
  for (const name of [".tmp-0123456789abcdef", "failures.jsonl.99999.tmp"]) writeFileSync(join(out, name), "half");
  writeFileSync(join(out, "failures.0-of-2.jsonl.99999.tmp"), "of a shard that may be running");
  await run({ resume: true });
  assert.equal(readdirSync(out).sort(), ["a.npy", "failures.0-of-2.jsonl.99999.tmp", "manifest.jsonl"]);
});

test("the timestamps of a manifest are read on request only", async () => {
  const { out, run, manifest } = setting("a.mp4");
  await run();
  const { files } = readFeatureFolders([out]);
  const expected = jsonLines(manifest)[0].timestamps;
  assert.equal(files[0].timestamps, expected);
  const record = [...readManifests(out).records.values()][0];
  assert.not.ok("timestamps" in record);
});

test("a replaced video is extracted again under its name, and an unchanged one is skipped", async () => {
  const { at, videos, out, run, manifest } = setting("a.mp4", "b.mp4");
  await run();
  const indexed = () => indexFeatures([out], { out: join(at, "index"), threads: 1 });
  await indexed();
  const before = bytes(out);
  copyFileSync(join(made, "c.mp4"), join(videos, "a.mp4"));
  const again = await run({ resume: true });
  assert.equal([again.videos, again.changed, again.skipped], [1, 1, 1]);
  assert.match(again.notes.join(), /1 of the finished videos changed since/);
  assert.equal(features(out), ["a.npy", "b.npy"]);
  assert.is.not(bytes(out)["a.npy"], before["a.npy"]);
  assert.is(bytes(out)["b.npy"], before["b.npy"]);
  const { videos: added, skipped, rows } = await indexed();
  assert.equal([added, skipped, rows], [1, 1, 2], "an index replaces its old features by the new ones");
  assert.is((await indexed()).videos, 0);
  assert.is(jsonLines(manifest).at(-1).source.bytes, statSync(join(videos, "a.mp4")).size);
  assert.is((await run({ resume: true })).videos, 0);
  // the size is the same and the time is not: the content may have changed
  utimesSync(join(videos, "b.mp4"), 1, 1);
  assert.is((await run({ resume: true })).changed, 1);
});

test("with --hash, a video whose time alone changed is skipped", async () => {
  const { videos, run, manifest } = setting("a.mp4");
  await run({ hash: true });
  assert.match(jsonLines(manifest)[0].source.sha256, /^[0-9a-f]{64}$/);
  utimesSync(join(videos, "a.mp4"), 1, 1);
  const again = await run({ resume: true, hash: true });
  assert.equal([again.videos, again.changed, again.skipped], [0, 0, 1]);
  const content = readFileSync(join(videos, "a.mp4"));
  content[content.length >> 1] ^= 1;
  writeFileSync(join(videos, "a.mp4"), content);
  assert.is((await run({ resume: true, hash: true })).changed, 1);
});

test("moved videos keep their features; a copy, or another video of the same size, does not get them", async () => {
  const { at, videos, out, run } = setting("a.mp4", "b.mp4");
  await run();
  const before = bytes(out);
  await indexFeatures([out], { out: join(at, "index"), threads: 1 });
  const moved = join(at, "elsewhere");
  renameSync(videos, moved);
  renameSync(join(moved, "b.mp4"), join(moved, "renamed.mp4"));
  const again = await run({ resume: true }, [moved]);
  assert.equal([again.videos, again.moved, again.skipped], [0, 2, 2], again.notes.join());
  assert.equal(bytes(out), before);
  const known = readFeatureFolders([out]).files;
  assert.equal(known.map(({ video }) => video).sort(), ["a.mp4", "renamed.mp4"].map((name) => join(moved, name))); // prettier-ignore
  const index = await indexFeatures([out], { out: join(at, "index"), threads: 1 });
  assert.is(
    index.rows,
    jsonLines(join(out, "manifest.jsonl"))
      .slice(0, 2)
      .reduce((sum, { clips }) => sum + clips, 0),
    "an index has each video once",
  );
  assert.is((await run({ resume: true }, [moved])).moved, 0, "once");
  // a copy beside the original is a separate video
  copyFileSync(join(moved, "a.mp4"), join(moved, "copy.mp4"));
  assert.is((await run({ resume: true }, [moved])).videos, 1);
  // an equal size alone does not identify a video
  const other = readFileSync(join(moved, "renamed.mp4"));
  other[other.length >> 1] ^= 1;
  rmSync(join(moved, "renamed.mp4"));
  writeFileSync(join(moved, "b2.mp4"), other);
  assert.is((await run({ resume: true }, [moved])).moved, 0);
});

test("a moved video whose features were broken meanwhile stays in an index under its old path", async () => {
  const { at, videos, out, run } = setting("a.mp4", "b.mp4");
  await run();
  const options = { out: join(at, "index"), threads: 1, onFailure: () => {} };
  const { rows } = await indexFeatures([out], options);
  const moved = join(at, "elsewhere");
  renameSync(videos, moved);
  await run({ resume: true }, [moved]);
  const b = readFeatureFolders([out]).files.find(({ video }) => video.endsWith("b.mp4"))!;
  const content = readFileSync(b.file);
  content.fill(0xff, content.length - 4); // NaN
  writeFileSync(b.file, content);
  const summary = await indexFeatures([out], options);
  assert.equal([summary.videos, summary.failures, summary.rows], [1, 1, rows]);
  using index = await FeatureIndex.open(options.out);
  assert.equal([...index.videos()].sort(), [join(moved, "a.mp4"), join(videos, "b.mp4")].sort());
});

test("a message says when no finished video is among the inputs", async () => {
  const { run } = setting("a.mp4");
  await run();
  const other = setting("b.mp4");
  const { notes } = await run({ resume: true }, [other.videos]);
  assert.match(notes.join(), /none of the 1 finished videos .* is among the inputs/);
});

test("a failed video is tried again when its file changed, and --retry-failed also repeats partial ones", async () => {
  const { videos, out, run } = setting("a.mp4", "b.mp4");
  writeFileSync(join(videos, "a.mp4"), "this is text\n".repeat(99));
  const absent = join(videos, "late.mp4");
  const first = await run({}, [videos, absent]);
  assert.equal([first.videos, first.failures], [1, 2]);
  const same = await run({ resume: true }, [videos, absent]);
  assert.equal([same.videos, same.failures, same.skipped], [0, 2, 1]);
  copyFileSync(join(made, "a.mp4"), join(videos, "a.mp4"));
  copyFileSync(join(made, "c.mp4"), absent);
  const mended = await run({ resume: true }, [videos, absent]);
  assert.equal([mended.videos, mended.failures], [2, 0]);
  assert.not.ok(existsSync(join(out, "failures.jsonl")), "their failures are removed");
  // a partial record, as --keep-partial writes it
  const lines = jsonLines(join(out, "manifest.jsonl"));
  writeFileSync(
    join(out, "manifest.jsonl"),
    lines.map((line) => `${JSON.stringify({ ...line, partial: true })}\n`).join(""),
  );
  assert.is((await run({ resume: true }, [videos, absent])).videos, 0);
  assert.is((await run({ retryFailed: true }, [videos, absent])).videos, 3);
});

test("the records of all shards of a folder are used, however it is divided now", async () => {
  const { out, run } = setting("a.mp4", "b.mp4", "c.mp4", "d.mp4");
  await run({ shard: "0/2" });
  await run({ shard: "1/2" });
  assert.match((await rejection(run({ shard: "0/3" }))).message, /already holds features: add --resume/);
  assert.match((await rejection(run())).message, /already holds features/);
  const other = await rejection(run({ shard: "0/3", saveDtype: "f32", resume: true }));
  assert.match(other.message, /was made with dtype "f16", this run has "f32"/);
  const before = bytes(out);
  for (const shard of ["0/3", "1/3", "2/3", undefined]) {
    const again = await run({ shard, resume: true });
    assert.is(again.videos, 0, shard);
  }
  assert.equal(bytes(out), before);
  assert.is(readFeatureFolders([out]).files.length, 4);
});

test("a folder that was started with another rule for broken data, or for HDR, is refused", async () => {
  const { out, run, manifest } = setting("a.mp4", "b.mp4");
  await run({ onError: "fail" });
  const refused = await rejection(run({ onError: "skip", resume: true }));
  assert.match(refused.message, /was made with onError "fail", this run has "skip"/);
  assert.is(refused.details.argument, "onError");
  assert.is((await run({ onError: "stop", retryFailed: true })).skipped, 2);
  assert.is((await run({ onError: "fail", resume: true })).skipped, 2);
  // records of versions that did not write this setting
  const records = jsonLines(manifest);
  const write = (change: (settings: Record<string, unknown>) => object) =>
    writeFileSync(
      manifest,
      records.map((each) => `${JSON.stringify({ ...each, settings: change(each.settings) })}\n`).join(""),
    );
  write(({ onError: _, ...settings }) => settings);
  assert.is((await run({ resume: true })).skipped, 2);
  assert.is((await rejection(run({ onError: "stop", resume: true }))).details.argument, "onError");
  for (const [hdr, same] of [
    ["tonemap", true],
    ["keep", false],
  ] as const) {
    write(({ preset, onError: _, ...settings }) => ({ ...settings, preset: { ...(preset as object), hdr } }));
    if (same) assert.is((await run({ resume: true })).skipped, 2, "the named value is the default");
    else assert.is((await rejection(run({ resume: true }))).details.argument, "preset");
  }
  assert.is(readFeatureFolders([out]).files.length, 2);
});

test("a file that the run did not write is not overwritten", async () => {
  const { out, run } = setting("a.mp4", "b.mp4");
  mkdirSync(out);
  writeFileSync(join(out, "a.npy"), "mine");
  const error = await rejection(run());
  assert.is(error.code, "ERR_INVALID_ARGUMENT");
  assert.match(error.message, /holds a file a\.npy that is not of an extraction/);
  assert.is(readFileSync(join(out, "a.npy"), "utf8"), "mine");
});

test("names near 255 bytes are shortened and distinguished by a hash", async () => {
  const names = ["x".repeat(251), "x".repeat(250) + "y", `${"字".repeat(83)}a`, "y".repeat(247), "z".repeat(246)];
  const { videos, out, run } = setting();
  for (const name of names) copyFileSync(join(made, "a.mp4"), join(videos, `${name}.mp4`));
  mkdirSync(join(videos, "more"));
  copyFileSync(join(made, "b.mp4"), join(videos, "more", `${names[0]}.mp4`));
  copyFileSync(join(made, "b.mp4"), join(videos, "more", "short.mp4"));
  const first = await run({ shard: "0/1" });
  assert.equal([first.videos, first.failures], [7, 0]);
  const files = features(out);
  assert.is(files.length, 7);
  assert.ok(files.every((name) => Buffer.byteLength(name) <= 255));
  assert.ok(files.includes(`${names[3]}.npy`) && files.includes("short.npy"), "a name that fits is unchanged");
  assert.equal(jsonLines(join(out, "manifest.0-of-1.jsonl")).map(({ file }) => file).sort(), files); // prettier-ignore
  assert.is((await run({ shard: "0/1", resume: true })).skipped, 7);
});

test("a video whose name cannot be written fails", async () => {
  const { videos, out, run } = setting("a.mp4", "b.mp4");
  await run({}, [join(videos, "b.mp4")]);
  mkdirSync(join(out, "a.npy"));
  const { videos: done, failures, failed } = await run({ resume: true });
  assert.equal([done, failures], [0, 1]);
  assert.match(failed[join(videos, "a.mp4")], /a\.npy: cannot be written \((EISDIR|ENOTEMPTY|EEXIST|EPERM)\)/);
  assert.is(jsonLines(join(out, "failures.jsonl"))[0].code, "ERR_WRITE");
});

test.run();
