// Merged parts of a manifest: the result depends on the records only, is the same after a merge that was killed and when
// it is repeated, and a part with a live writer is refused.
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"; // prettier-ignore
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "#lib/base/random.js";
import { mergeFeatures } from "#lib/features/merge_features.js";
import { FeatureStore } from "#lib/features/store.js";
import { readManifests } from "#lib/records/read_manifests.js";
import type { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { addLines, expectedRecords } from "../records/random_history.js";
import { jsonLines } from "../support/command_line.js";
import { refused } from "../support/errors.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { bytes, makeVideos, tinyCases, tinyEncoder } from "./tiny_extraction.js";

const test = suite("merge features");
const root = temporaryFolder("merge");
const made = join(root, "made");
let encoder: VideoEncoder;
test.before(async () => {
  encoder = await tinyEncoder();
  await makeVideos(made, ["a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4"]);
});
test.after(() => encoder.dispose());
const setting = tinyCases(root, made, () => encoder);

const textOf = (folder: string) =>
  Object.fromEntries(readdirSync(folder).filter((name) => name.endsWith(".jsonl")).sort().map((name) => [name, readFileSync(join(folder, name), "utf8")])); // prettier-ignore

test("the parts of four shards give what one process gives, apart from times", async () => {
  const { videos, out, run, at } = setting("a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4");
  writeFileSync(join(videos, "broken.mp4"), "this is text\n".repeat(99));
  for (let i = 0; i < 4; i++) await run({ shard: `${i}/4` });
  const one = join(at, "one");
  const { extractToFolder } = await import("#lib/features/run.js");
  await extractToFolder([videos], { encoder, out: one });
  const [merged, alone] = [await mergeFeatures(out), await mergeFeatures(one)];
  assert.equal([merged.parts, merged.videos, merged.failures], [3, 5, 1], "one shard had only the broken video");
  assert.equal([alone.parts, alone.videos, alone.failures], [1, 5, 1]);
  const withoutTimes = (folder: string) =>
    JSON.stringify(textOf(folder)).replace(/(finished_at|failed_at)\\":\\"[^\\]*/g, "$1");
  assert.is(withoutTimes(out), withoutTimes(one));
  assert.equal(bytes(out), bytes(one));
  assert.equal(Object.keys(textOf(out)), ["failures.jsonl", "manifest.jsonl"]);
  const paths = jsonLines(join(out, "manifest.jsonl")).map(({ path }) => path);
  assert.equal(paths, [...paths].sort());
  assert.equal((await run({ resume: true })).skipped, 5, "the merged folder resumes");
});

test("merging keeps the records of random histories, drops the others, and changes nothing when repeated", async () => {
  for (let seed = 0; seed < 10; seed++) {
    const folder = join(root, `random-${seed}`);
    mkdirSync(folder);
    addLines(folder, new Random(seed), 60);
    const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"));
    const { current, broken } = expectedRecords(folder);
    const summary = await mergeFeatures(folder);
    assert.equal([summary.videos, summary.broken], [current.length, broken]);
    const merged = textOf(folder);
    assert.equal(Object.keys(merged), ["manifest.jsonl"]);
    const kept = merged["manifest.jsonl"].split("\n").slice(0, -1);
    assert.equal(kept.map((line) => JSON.parse(line).path), current.map(({ path }) => path)); // prettier-ignore
    for (const line of kept) assert.ok(lines.includes(line), "lines are kept byte for byte");
    await mergeFeatures(folder);
    assert.equal(textOf(folder), merged);
  }
});

test("a merge that is killed at any step loses nothing, and the next one finishes it", async () => {
  const folder = join(root, "whole");
  mkdirSync(folder);
  addLines(folder, new Random(3), 60);
  const expected = expectedRecords(folder).current.length;
  appendFileSync(join(folder, "failures.worker-a.jsonl"), '{"path":"/v/f.mp4","code":"ERR_VIDEO_CORRUPT","reason":"r","failed_at":"2026"}\n'); // prettier-ignore
  const before = textOf(folder);
  const copy = join(root, "stopped");
  // what a folder holds after each step of a merge is laid out by hand
  mkdirSync(copy);
  for (const [name, text] of Object.entries(before)) writeFileSync(join(copy, name), text);
  await mergeFeatures(folder);
  const after = textOf(folder);
  const journal = { name: "manifest.jsonl", bytes: Buffer.byteLength(after["manifest.jsonl"]) };
  const { sampleOf } = await import("#lib/records/index_state.js");
  const entry = (name: string) => ({ name, bytes: Buffer.byteLength(before[name]), sample: sampleOf(join(copy, name), Buffer.byteLength(before[name])) }); // prettier-ignore
  const parts = (kind: string) => Object.keys(before).filter((name) => name.startsWith(`${kind}.`) && name !== `${kind}.jsonl`).map(entry); // prettier-ignore
  const merged = ["manifest", "failures"].map((kind) => {
    const name = `${kind}.jsonl`;
    const size = Buffer.byteLength(after[name]);
    return { name, bytes: size, sample: sampleOf(join(folder, name), size), parts: parts(kind) };
  });
  assert.ok(merged[0].parts.length > 2 && journal.bytes > 0);
  const steps: ((at: string) => void)[] = [
    (at) => writeFileSync(join(at, "manifest.jsonl.merge.tmp"), "half"),
    (at) => writeFileSync(join(at, ".merge.json"), JSON.stringify(merged)),
    (at) => copyFileSync(join(folder, "manifest.jsonl"), join(at, "manifest.jsonl")),
    (at) => copyFileSync(join(folder, "failures.jsonl"), join(at, "failures.jsonl")),
    ...merged.flatMap((one) =>
      one.parts.map(
        ({ name }) =>
          (at: string) =>
            rmSync(join(at, name)),
      ),
    ),
  ];
  for (let last = 0; last <= steps.length; last++) {
    const at = join(root, `stopped-${last}`);
    mkdirSync(at);
    for (const [name, text] of Object.entries(before)) writeFileSync(join(at, name), text);
    for (const step of steps.slice(0, last)) step(at);
    assert.ok(readManifests(at).records.size >= expected, `after step ${last} every record is there`);
    await mergeFeatures(at);
    assert.equal(textOf(at), after, `after step ${last}`);
    assert.not.ok(existsSync(join(at, ".merge.json")));
    assert.equal(readdirSync(at).filter((name) => name.endsWith(".tmp")), []); // prettier-ignore
  }
});

test("a part that grew after a merge was killed is merged, not removed", async () => {
  const { out, run } = setting("a.mp4", "b.mp4");
  await run({ shard: "0/2" });
  const part = join(out, "manifest.0-of-2.jsonl");
  const text = readFileSync(part, "utf8");
  writeFileSync(join(out, "manifest.jsonl"), text);
  const { sampleOf } = await import("#lib/records/index_state.js");
  const [size, sample] = [Buffer.byteLength(text), sampleOf(part, Buffer.byteLength(text))];
  writeFileSync(join(out, ".merge.json"), JSON.stringify([{ name: "manifest.jsonl", bytes: size, sample, parts: [{ name: "manifest.0-of-2.jsonl", bytes: size, sample }] }])); // prettier-ignore
  appendFileSync(part, text.replaceAll("a.mp4", "late.mp4").replaceAll("a.npy", "late.npy"));
  assert.is((await mergeFeatures(out)).videos, 2);
});

test("a part with a live writer is refused, and so is a second writer of one part; other parts go on", async () => {
  const { out, run } = setting("a.mp4");
  await run();
  const writer = await FeatureStore.open(out, ".worker-a");
  await refused(FeatureStore.open(out, ".worker-a"), /another extraction \(process \d+ .*\) writes to this folder/);
  const other = await FeatureStore.open(out, ".worker-b");
  other.close();
  await writer.add([], [{ path: "/v/x.mp4", code: "ERR_VIDEO_CORRUPT", reason: "r", failed_at: "2026" }]);
  await refused(mergeFeatures(out), /an extraction \(process \d+ .*\) writes to this folder/, "ERR_INVALID_ARGUMENT");
  assert.ok(existsSync(join(out, "failures.worker-a.jsonl")));
  writer.close();
  assert.is((await mergeFeatures(out)).failures, 1);
  assert.equal(readdirSync(out).filter((name) => name.startsWith(".lock")), []); // prettier-ignore
});

test("with out, another folder gets the manifest and the features, and the merged one stays", async () => {
  const { out, run, at } = setting("a.mp4", "b.mp4", "c.mp4");
  await run({ shard: "0/2" });
  await run({ shard: "1/2" });
  const before = textOf(out);
  const target = join(at, "target");
  assert.is((await mergeFeatures(out, { out: target })).videos, 3);
  assert.equal(textOf(out), before);
  assert.equal(bytes(target), bytes(out));
  await mergeFeatures(out);
  assert.equal(textOf(target), textOf(out));
  await refused(mergeFeatures(out, { out: target }), /already holds features: give another --out/);
  await refused(mergeFeatures(join(at, "none")), /is not a folder/, "ERR_INVALID_ARGUMENT");
});

test.run();
