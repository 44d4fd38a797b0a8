// A packed dataset returns its input, an interrupted run resumes, broken shards are omitted and counted; and batches of
// pairs.
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureFolder } from "#lib/data/feature_folder.js";
import { packDataset, readPack } from "#lib/data/pack.js";
import { PackedDataset } from "#lib/data/packed_dataset.js";
import { makePairBatch, shuffledGroups } from "#lib/data/pair_batch.js";
import { PairLoader } from "#lib/data/pair_loader.js";
import type { VideoRecord } from "#lib/data/record.js";
import { Skips } from "#lib/data/skips.js";
import { Random } from "#lib/base/random.js";
import { npyBytes } from "#lib/weights/npy.js";
import { videoclip } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("packed datasets");
const scratch = temporaryFolder("pack");
const width = 6;
const count = 40;
const folder = join(scratch, "features");
mkdirSync(folder);
const name = (i: number) => `vidéo ${i}`;
const records: VideoRecord[] = [];
for (let i = 0; i < count; i++) {
  const random = new Random(i, 3);
  const rows = random.integer(5, 60);
  const values = Float32Array.from({ length: rows * width }, () => Math.fround(random.integer(-512, 512) / 64));
  if (i !== 7) writeFileSync(join(folder, `${name(i)}.npy`), npyBytes(values, [rows, width], "f16"));
  const captions = Array.from({ length: random.integer(i === 9 ? 0 : 1, 12) }, (_, c) => ({
    start: 3 * c,
    end: 3 * c + 4,
    text: Array.from({ length: random.integer(1, 9) }, () => `${random.integer(1, 999)}`).join(" "),
  }));
  records.push({ video: name(i), captions: i === 9 ? [] : captions });
}
const source = { dataset: "made", tokenizer: "numbers" };
const tokenise = (texts: string[]) => texts.map((text) => text.split(" ").map(Number));

async function* take(limit = count, fail = false) {
  for (const record of records.slice(0, limit)) yield await Promise.resolve(record);
  if (fail) throw new Error("stopped");
}

const pack = (out: string, from = take(), shardBytes = 3000, skips = new Skips()) =>
  packDataset(from, join(scratch, out), {
    features: new FeatureFolder(folder),
    tokenise,
    source,
    skips,
    shardBytes,
  });

test("a pack returns the captions and features that were written", async () => {
  const skips = new Skips();
  const manifest = await pack("a", take(), 3000, skips);
  assert.ok(manifest.complete && manifest.shards.length > 3, `${manifest.shards.length} shards`);
  assert.equal(
    skips.report().map(({ reason, count: n }) => [reason, n]),
    [
      ["a video without features", 1],
      ["a video without captions", 1],
    ],
  );
  const dataset = new PackedDataset(join(scratch, "a"));
  const features = new FeatureFolder(folder);
  assert.is(dataset.size, count - 2);
  const kept = records.filter((_, i) => i !== 7 && i !== 9);
  kept.forEach(({ video, captions }, i) => {
    assert.is(dataset.name(i), video);
    const all = features.read(video);
    assert.is(dataset.rows(i), all.rows);
    assert.equal(dataset.features(i), all.data);
    assert.equal(dataset.features(i, 1, 3), all.data.subarray(width, 3 * width));
    const inside = captions.filter(({ start }) => start < all.rows);
    const got = dataset.captions(i);
    assert.equal(got.ids.map((ids) => Array.from(ids).join(" ")), inside.map(({ text }) => text)); // prettier-ignore
    assert.equal(Array.from(got.start), inside.map(({ start }) => start)); // prettier-ignore
    assert.equal(Array.from(got.end), inside.map(({ end }) => Math.min(end, all.rows))); // prettier-ignore
  });
  assert.equal(await dataset.verify(), []);
  dataset.close();
});

test("an interrupted run resumes after its last shard and writes the same bytes", async () => {
  try {
    await pack("b", take(25, true));
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, "stopped");
  }
  assert.not(readPack(join(scratch, "b")).complete);
  const skips = new Skips();
  const manifest = await pack("b", take(), 3000, skips);
  const whole = readPack(join(scratch, "a"));
  assert.equal(manifest.shards, whole.shards);
  assert.equal(manifest.skipped, whole.skipped);
  try {
    await packDataset(take(), join(scratch, "b"), { features: new FeatureFolder(folder), tokenise, source: { dataset: "other" }, skips }); // prettier-ignore
    assert.unreachable();
  } catch (error) {
    assert.match((error as Error).message, /holds a pack of .*made.*; this one is of .*other/);
  }
});

test("broken shards are omitted and counted; it is an error if all are broken", async () => {
  await pack("c");
  const path = (i: number) => join(scratch, "c", `shard-0000${i}.safetensors`);
  const { shards } = readPack(join(scratch, "c"));
  truncateSync(path(1), shards[1].bytes - 10);
  rmSync(path(2));
  const skips = new Skips();
  const dataset = new PackedDataset(join(scratch, "c"), { skips });
  assert.is(dataset.size, count - 2 - shards[1].videos - shards[2].videos);
  assert.equal(skips.report()[0].count, 2);
  assert.throws(() => new PackedDataset(join(scratch, "c"), { skips: new Skips(1) }), /more than 1 items left out/);
  // the checksum reveals a flipped bit
  const bytes = readFileSync(path(0));
  bytes[bytes.length - 5] ^= 1;
  writeFileSync(path(0), bytes);
  assert.equal(await dataset.verify(), shards.slice(0, 3).map(({ file }) => file)); // prettier-ignore
  dataset.close();
  assert.throws(() => new PackedDataset(scratch), /pack\.json: cannot be read/);
});

test("batches of pairs are a function of seed, epoch and video, with padded rows and one row for each pair", async () => {
  const dataset = new PackedDataset(join(scratch, "a"));
  const options = { seed: 1, pairsPerVideo: 4, videoSeconds: [3, 8], textTokens: [3, 10] } as const;
  const batch = makePairBatch(dataset, [5, 0, 11], 2, options);
  assert.is(batch.pairs, 12);
  assert.equal([...batch.videos], [5, 5, 5, 5, 0, 0, 0, 0, 11, 11, 11, 11]);
  const alone = makePairBatch(dataset, [0], 2, options);
  assert.equal(alone.tokens, batch.tokens.slice(40, 80));
  assert.equal(alone.features, batch.features.slice(4 * 8 * width, 8 * 8 * width));
  const other = makePairBatch(dataset, [0], 3, options);
  assert.not.equal(other.tokens, alone.tokens);
  for (let row = 0; row < batch.pairs; row++) {
    const tail = batch.features.subarray((row * 8 + batch.seconds[row]) * width, (row + 1) * 8 * width);
    assert.ok(tail.every((v) => v === 0));
    assert.ok(batch.lengths[row] >= 1 && batch.lengths[row] <= 10);
  }
  dataset.close();
});

test("batches are the same for 0, 1 and 4 workers, also when reading starts in the middle", async () => {
  const groups = shuffledGroups(count - 2, 4, 5, 1);
  const sampling = { seed: 5, pairsPerVideo: 2, videoSeconds: [3, 8], textTokens: [3, 10] } as const;
  const run = async (workers: number, start = 0) => {
    const loader = new PairLoader({ folder: join(scratch, "a"), sampling, workers, prefetch: 3 });
    const batches: unknown[] = [];
    for await (const { index, batch } of loader.epoch(groups, 1, { start })) batches.push({ index, ...batch });
    await loader.close();
    return batches;
  };
  const alone = await run(0);
  assert.is(alone.length, groups.length);
  assert.equal(await run(1), alone);
  assert.equal(await run(4), alone);
  assert.equal(await run(2, 3), alone.slice(3));
});

test("a folder without a pack is an error with any number of workers", async () => {
  for (const workers of [0, 2]) {
    const loader = new PairLoader({ folder: join(scratch, "nothing"), sampling: { seed: 1 }, workers });
    try {
      for await (const _ of loader.epoch([Int32Array.of(0)], 0)) assert.unreachable();
      assert.unreachable();
    } catch (error) {
      assert.match((error as Error).message, /pack\.json: cannot be read/);
    }
    await loader.close();
  }
});

test("a shuffled group has each video at most once", () => {
  const groups = shuffledGroups(100, 8, 3, 1);
  assert.is(groups.length, 12);
  assert.is(new Set(groups.flatMap((g) => [...g])).size, 96);
  assert.not.equal(groups[0], shuffledGroups(100, 8, 3, 2)[0]);
});

test("videoclip data pack makes a pack from a dataset file and a vocabulary", () => {
  const clips = join(scratch, "clips.jsonl");
  writeFileSync(
    clips,
    records
      .slice(0, 5)
      .map(({ video }) => JSON.stringify({ features: video, start: 0, end: 4, text: "Stir the soup" }))
      .join("\n"),
  );
  writeFileSync(join(scratch, "vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nstir\nthe\nsoup\n");
  const run = (...args: string[]) =>
    videoclip("data", "pack", "jsonl", clips, "--features", folder, "--tokenizer", join(scratch, "vocab.txt"), ...args); // prettier-ignore
  const result = run("--out", join(scratch, "d"), "--json");
  assert.is(result.status, 0, result.stderr);
  assert.is((JSON.parse(result.stdout) as { videos: number }).videos, 5);
  const dataset = new PackedDataset(join(scratch, "d"));
  assert.equal(Array.from(dataset.captions(0).ids[0]), [5, 6, 7]);
  dataset.close();
  assert.ok(existsSync(join(scratch, "d", "pack.json")));
  assert.is(run("--out", join(scratch, "d")).status, 0, "a second run finds nothing left to do");
});

test.run();
