// The scripts of examples/ run with a sample video and models with generated weights.
import { spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { npyBytes } from "#lib/weights/npy.js";
import { makeVideo } from "../../scripts/make_samples.mjs";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("examples");
const folder = temporaryFolder("examples");
const at = (name: string) => join(folder, name);
const ran = new Set<string>();

function example(name: string, ...args: string[]): string[] {
  ran.add(`${name}.mjs`);
  const run = spawnSync(process.execPath, [`examples/${name}.mjs`, ...args], { encoding: "utf8" });
  assert.is(run.status, 0, run.stderr);
  return run.stdout.trim().split("\n");
}

test.before(async () => {
  await makeVideo(at("video.mp4"), { seconds: 3 });
  const words = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "stir",
    "soup",
    "cut",
    "onion",
    "video",
    "of",
    "how",
    "to",
  ];
  writeFileSync(at("vocab.txt"), `${words.join("\n")}\n`);
  const sizes = { featureSize: 1024, hiddenSize: 32, heads: 2, intermediateSize: 64, videoLayers: 1, textLayers: 1 };
  const ids = { vocabularySize: words.length, maxPositions: 64, clsId: 2, sepId: 3 };
  const model = VideoClip.random(1, { config: { ...sizes, ...ids }, tokenizer: at("vocab.txt"), device: "cpu" });
  await model.save(at("model"));
  model.dispose();
  writeFileSync(at("features.npy"), npyBytes(hashValues("examples", "features", 40 * 1024), [40, 1024], "f16"));
});

test("extract runs", () => {
  const lines = example("extract", at("video.mp4"));
  assert.is(lines.length, 2);
  assert.match(lines[0], /video\.mp4 {2}0\.00-1\.60 s {2}\[-?\d/);
});

test("bulk_with_abort runs twice, and search finds its results", () => {
  assert.match(
    example("bulk_with_abort", at("video.mp4"), at("features"))[0],
    /^1 videos, 2 clips; 0 were done before/,
  );
  assert.match(
    example("bulk_with_abort", at("video.mp4"), at("features"))[0],
    /^0 videos, 0 clips; 1 were done before/,
  );
  for (let run = 0; run < 2; run++) {
    const lines = example("search", at("model"), at("features"), at("index"), "stir the soup");
    assert.is(lines.length, 1);
    assert.match(lines[0], /^-?\d+\.\d{3} {2}0\.0-3\.\d s {2}.*video\.mp4$/);
  }
});

test("embed_text, zero_shot and ops run", () => {
  const table = example("embed_text", at("model"), "stir the soup", "cut the onion");
  assert.is(table.length, 2);
  assert.is(table[0].split("  ")[1], table[1].split("  ")[0], "symmetric");
  assert.is(example("zero_shot", at("model"), at("features.npy"), "soup", "onion").length, 2);
  assert.match(example("ops")[0], /^query 0: rows \d+,/);
});

test("own_model learns, reloads to the same bits and is exported", () => {
  const lines = example("own_model", at("own"));
  assert.ok(Number(/^([\d.]+) % of 200 held-out clips/.exec(lines.at(-3)!)?.[1]) > 90, lines.join("\n"));
  assert.is(lines.at(-2), "reloaded: the same bits");
  assert.match(lines.at(-1)!, /model\.onnx: \d+ bytes$/);
  assert.equal(readdirSync(at("own")).sort(), ["model.onnx", "model.safetensors"]);
});

test("own_head trains the head alone, then the encoder too", () => {
  const losses = example("own_head").map((line) =>
    /^(\w+): (\d+) tensors trained, loss ([\d.]+) to ([\d.]+)$/.exec(line)!,
  );
  assert.equal(losses.map((found) => [found[1], Number(found[2])]), [["head", 2], ["all", 314]]); // prettier-ignore
  for (const [, name, , first, last] of losses) assert.ok(Number(last) < Number(first), `${name}: ${first} to ${last}`);
});

test("every example is in this test or in its own", () => {
  const own = ["lancedb.mjs"]; // lancedb.test.ts
  assert.equal(
    [...ran].sort(),
    readdirSync("examples")
      .filter((name) => name.endsWith(".mjs") && !own.includes(name))
      .sort(),
  );
});

test.run();
