// A check finds each kind of fault of a features folder, and nothing in one that is whole.
import { appendFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkFeatures } from "#lib/features/check_features.js";
import type { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { jsonLines, videoclip } from "../support/command_line.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { makeVideos, tinyCases, tinyEncoder } from "./tiny_extraction.js";

const test = suite("check features");
const root = temporaryFolder("check");
const made = join(root, "made");
let encoder: VideoEncoder;
test.before(async () => {
  encoder = await tinyEncoder();
  await makeVideos(made, ["a.mp4", "b.mp4", "c.mp4"]);
});
test.after(() => encoder.dispose());
const setting = tinyCases(root, made, () => encoder);

/** The numbers of findings that are not zero. */
const found = async (folder: string, values = false) =>
  Object.fromEntries(Object.entries(await checkFeatures(folder, { values })).flatMap(([kind, one]) => (one?.count > 0 ? [[kind, one.count]] : []))); // prettier-ignore

test("a whole folder has nothing to complain about, also with values", async () => {
  const { out, run } = setting("a.mp4", "b.mp4", "c.mp4");
  await run({ shard: "0/2" });
  await run({ shard: "1/2" });
  const { ok, videos, clips, parts } = await checkFeatures(out, { values: true });
  assert.equal([ok, videos, clips, parts], [true, 3, 3, 2]);
});

test("each kind of fault is found and counted", async () => {
  const { out, run, manifest } = setting("a.mp4", "b.mp4", "c.mp4");
  await run();
  const line = jsonLines(manifest).find(({ file }) => file === "a.npy");
  appendFileSync(manifest, "half a li\n");
  assert.equal(await found(out), { lines: 1 });
  writeFileSync(join(out, "stranger.npy"), "x");
  assert.equal(await found(out), { lines: 1, undeclared: 1 });
  truncateSync(join(out, "b.npy"), 130);
  assert.equal(await found(out), { lines: 1, undeclared: 1, incomplete: 1 });
  rmSync(join(out, "c.npy"));
  assert.equal(await found(out), { lines: 1, undeclared: 1, incomplete: 1, missing: 1 });
  appendFileSync(manifest, `${JSON.stringify({ ...line, path: "/v/other.mp4", finished_at: "2099" })}\n`);
  assert.equal(await found(out), { lines: 1, undeclared: 1, incomplete: 1, missing: 1, taken: 1 });
  const { taken } = await checkFeatures(out);
  assert.match(taken.first[0].reason, /its features a\.npy were replaced by those of \/v\/other\.mp4/);
  appendFileSync(manifest, `${JSON.stringify({ ...line, path: "/v/other.mp4", settings: { ...line.settings, model: "x" } })}\n`); // prettier-ignore
  assert.is((await checkFeatures(out)).settings.count, 1);
  const bytes = readFileSync(join(out, "a.npy"));
  bytes.writeUInt16LE(0x7e00, 128); // NaN
  writeFileSync(join(out, "a.npy"), bytes);
  assert.is((await found(out)).values, undefined);
  assert.is((await found(out, true)).values, 1);
});

test("a moved video is no fault", async () => {
  const { videos, out, run, at } = setting("a.mp4");
  await run();
  renameSync(videos, join(at, "moved"));
  assert.is((await run({ resume: true }, [join(at, "moved")])).moved, 1);
  assert.equal(await found(out), {});
});

test("the command prints a report and ends with 0, 1 or 2", async () => {
  const { out, run } = setting("a.mp4");
  await run();
  const whole = videoclip("features", "check", out, "--values");
  assert.equal([whole.status, whole.stderr], [0, ""], whole.stdout);
  assert.match(whole.stdout, /1 videos, 1 clips, 1 part of the manifest\nnothing to complain about/);
  rmSync(join(out, "a.npy"));
  const faulty = videoclip("features", "check", out, "--json");
  assert.is(faulty.status, 1);
  assert.is(JSON.parse(faulty.stdout).missing.count, 1);
  assert.is(videoclip("features", "check", join(out, "none")).status, 2);
  const merged = videoclip("features", "merge", out, "--json");
  assert.equal([merged.status, JSON.parse(merged.stdout).videos], [0, 1]);
  await refused(checkFeatures(root), /has no manifest of an extraction/, "ERR_INVALID_ARGUMENT");
});

test.run();
