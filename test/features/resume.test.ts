// Going on with an extraction: what is called finished is whole and of the file that is there, the last record counts, and nothing
// of others is overwritten.
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readManifests } from "#lib/data/feature_manifest.js";
import { indexFeatures } from "#lib/features/index_features.js";
import { readFeatureFolders } from "#lib/features/extracted_features.js";
import { readJsonLines, repairLastLine } from "#lib/base/json_lines.js";
import type { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { bytes, features, jsonLines, makeVideos, refusal, tinyCases, tinyEncoder } from "./tiny_extraction.js";

const test = suite("resume");
const root = realpathSync(mkdtempSync(join(tmpdir(), "videoclip-resume-")));
const made = join(root, "made");
let encoder: VideoEncoder;

test.before(async () => {
  encoder = await tinyEncoder();
  await makeVideos(made, ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]);
});
test.after(() => {
  encoder.dispose();
  rmSync(root, { recursive: true, force: true });
});

const setting = tinyCases(root, made, () => encoder);

test("features that are gone, cut or longer than their record are made again, and index and embed take the last record", async () => {
  const { out, run, manifest, at } = setting("a.mp4", "b.mp4", "c.mp4", "d.mp4");
  await run();
  const before = bytes(out);
  rmSync(join(out, "a.npy"));
  truncateSync(join(out, "b.npy"), 200);
  appendFileSync(join(out, "c.npy"), "x");
  const known = readFeatureFolders([out]);
  assert.equal(known.files.map(({ video }) => basename(video)), ["d.mp4"]); // prettier-ignore
  assert.equal(known.broken.map(({ reason }) => reason.replace(/\d+/g, "N")).sort(), ["the file has N bytes, N clips need N", "the file has N bytes, N clips need N", "the file is gone"]); // prettier-ignore
  const again = await run({ resume: true });
  assert.equal([again.videos, again.skipped], [3, 1]);
  assert.is(again.notes.filter((note) => /its video is extracted again/.test(note)).length, 3, again.notes.join("\n"));
  assert.equal(bytes(out), before);
  assert.is(jsonLines(manifest).length, 7, "records are appended");
  const index = await indexFeatures([out], { out: join(at, "index"), threads: 1 });
  assert.is(index.videos, 4);
});

test("lines that are no record are told and passed over: zeros, half a line, other values, names that lead elsewhere", async () => {
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

test("a last line without its line break counts if it is whole, and is cut off if it is not", () => {
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

test("a manifest is read line by line, also where lines begin and end within blocks", () => {
  const path = join(root, "long.jsonl");
  const lines = Array.from({ length: 40 }, (_, i) => ({ i, text: "ä".repeat(i * 7919) }));
  writeFileSync(path, lines.map((line) => JSON.stringify(line)).join("\r\n"));
  const read = [...readJsonLines(path, { torn: true })];
  assert.equal(read.map(({ value }) => value), lines); // prettier-ignore
  assert.equal(read.map(({ line }) => line), lines.map((_, i) => i + 1)); // prettier-ignore
  assert.is([...readJsonLines(path)].length, 39, "the last line may still be being written");
});

test("what a killed run was writing when it died is removed", async () => {
  const { out, run } = setting("a.mp4");
  await run();
  for (const name of [".tmp-0123456789abcdef", "failures.jsonl.99999.tmp"]) writeFileSync(join(out, name), "half");
  writeFileSync(join(out, "failures.0-of-2.jsonl.99999.tmp"), "of a shard, which may be running");
  await run({ resume: true });
  assert.equal(readdirSync(out).sort(), ["a.npy", "failures.0-of-2.jsonl.99999.tmp", "manifest.jsonl"]);
});

test("timestamps stay in the manifest until they are asked for", async () => {
  const { out, run, manifest } = setting("a.mp4");
  await run();
  const { files } = readFeatureFolders([out]);
  const expected = jsonLines(manifest)[0].timestamps;
  assert.equal(files[0].timestamps, expected);
  const record = [...readManifests(out).records.values()][0];
  assert.not.ok("timestamps" in record);
});

test("a video that was replaced is extracted again, under its name; one that was not is left alone", async () => {
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
  assert.equal([added, skipped, rows], [1, 1, 2], "an index takes its new features in the place of the old ones");
  assert.is((await indexed()).videos, 0);
  assert.is(jsonLines(manifest).at(-1).source.bytes, statSync(join(videos, "a.mp4")).size);
  assert.is((await run({ resume: true })).videos, 0);
  // the same size and another time: it may be another content
  utimesSync(join(videos, "b.mp4"), 1, 1);
  assert.is((await run({ resume: true })).changed, 1);
});

test("with --hash a video that was only touched is left alone", async () => {
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

test("videos that were moved keep their features; a copy, and another video of their size, do not", async () => {
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
  assert.is(index.rows, jsonLines(join(out, "manifest.jsonl")).slice(0, 2).reduce((sum, { clips }) => sum + clips, 0), "an index has each once"); // prettier-ignore
  assert.is((await run({ resume: true }, [moved])).moved, 0, "once");
  // a copy beside the original is a video of its own
  copyFileSync(join(moved, "a.mp4"), join(moved, "copy.mp4"));
  assert.is((await run({ resume: true }, [moved])).videos, 1);
  // the size alone does not make it the same
  const other = readFileSync(join(moved, "renamed.mp4"));
  other[other.length >> 1] ^= 1;
  rmSync(join(moved, "renamed.mp4"));
  writeFileSync(join(moved, "b2.mp4"), other);
  assert.is((await run({ resume: true }, [moved])).moved, 0);
});

test("where no finished video is among the inputs, that is said", async () => {
  const { run } = setting("a.mp4");
  await run();
  const other = setting("b.mp4");
  const { notes } = await run({ resume: true }, [other.videos]);
  assert.match(notes.join(), /none of the 1 finished videos .* is among the inputs/);
});

test("a failed video is tried again when its file changed, and --retry-failed tries partial ones again as well", async () => {
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
  assert.not.ok(existsSync(join(out, "failures.jsonl")), "their failures are taken back");
  // a record that says partial, as --keep-partial leaves one
  const lines = jsonLines(join(out, "manifest.jsonl"));
  writeFileSync(join(out, "manifest.jsonl"), lines.map((line) => `${JSON.stringify({ ...line, partial: true })}\n`).join("")); // prettier-ignore
  assert.is((await run({ resume: true }, [videos, absent])).videos, 0);
  assert.is((await run({ retryFailed: true }, [videos, absent])).videos, 3);
});

test("records of all shards of a folder count, whatever the shards", async () => {
  const { out, run } = setting("a.mp4", "b.mp4", "c.mp4", "d.mp4");
  await run({ shard: "0/2" });
  await run({ shard: "1/2" });
  assert.match((await refusal(run({ shard: "0/3" }))).message, /already holds features: add --resume/);
  assert.match((await refusal(run())).message, /already holds features/);
  const other = await refusal(run({ shard: "0/3", saveDtype: "f32", resume: true }));
  assert.match(other.message, /was made with dtype "f16", this run has "f32"/);
  const before = bytes(out);
  for (const shard of ["0/3", "1/3", "2/3", undefined]) {
    const again = await run({ shard, resume: true });
    assert.is(again.videos, 0, shard);
  }
  assert.equal(bytes(out), before);
  assert.is(readFeatureFolders([out]).files.length, 4);
});

test("a folder that was begun with another rule for broken data, or for HDR, is refused", async () => {
  const { out, run, manifest } = setting("a.mp4", "b.mp4");
  await run({ onError: "fail" });
  const refused = await refusal(run({ onError: "skip", resume: true }));
  assert.match(refused.message, /was made with onError "fail", this run has "skip"/);
  assert.is(refused.details.argument, "onError");
  assert.is((await run({ onError: "stop", retryFailed: true })).skipped, 2);
  assert.is((await run({ onError: "fail", resume: true })).skipped, 2);
  // records of versions that did not note it
  const records = jsonLines(manifest);
  const write = (change: (settings: Record<string, unknown>) => object) =>
    writeFileSync(manifest, records.map((each) => `${JSON.stringify({ ...each, settings: change(each.settings) })}\n`).join("")); // prettier-ignore
  write(({ onError: _, ...settings }) => settings);
  assert.is((await run({ resume: true })).skipped, 2);
  assert.is((await refusal(run({ onError: "stop", resume: true }))).details.argument, "onError");
  for (const [hdr, same] of [
    ["tonemap", true],
    ["keep", false],
  ] as const) {
    write(({ preset, onError: _, ...settings }) => ({ ...settings, preset: { ...(preset as object), hdr } }));
    if (same) assert.is((await run({ resume: true })).skipped, 2, "what is named is the default");
    else assert.is((await refusal(run({ resume: true }))).details.argument, "preset");
  }
  assert.is(readFeatureFolders([out]).files.length, 2);
});

test("a file of somebody else is not overwritten", async () => {
  const { out, run } = setting("a.mp4", "b.mp4");
  mkdirSync(out);
  writeFileSync(join(out, "a.npy"), "mine");
  const error = await refusal(run());
  assert.is(error.code, "ERR_INVALID_ARGUMENT");
  assert.match(error.message, /holds a file a\.npy that is not of an extraction/);
  assert.is(readFileSync(join(out, "a.npy"), "utf8"), "mine");
});

test("names near 255 bytes are cut, and told apart by a hash", async () => {
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
  assert.ok(files.includes(`${names[3]}.npy`) && files.includes("short.npy"), "what fits keeps its name");
  assert.equal(jsonLines(join(out, "manifest.0-of-1.jsonl")).map(({ file }) => file).sort(), files); // prettier-ignore
  assert.is((await run({ shard: "0/1", resume: true })).skipped, 7);
});

test("a name that cannot be written is the failure of its video", async () => {
  const { videos, out, run } = setting("a.mp4", "b.mp4");
  await run({}, [join(videos, "b.mp4")]);
  mkdirSync(join(out, "a.npy"));
  const { videos: done, failures, failed } = await run({ resume: true });
  assert.equal([done, failures], [0, 1]);
  assert.match(failed[join(videos, "a.mp4")], /a\.npy: cannot be written \((EISDIR|ENOTEMPTY|EEXIST|EPERM)\)/);
  assert.is(jsonLines(join(out, "failures.jsonl"))[0].code, "ERR_WRITE");
});

test.run();
