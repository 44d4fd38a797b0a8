// examples/lancedb.mjs finds what an exact search finds. It needs the packages that .ci/run installs into build/lancedb.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FeatureIndex } from "#lib/features/feature_index.js";
import { videoClipTextEncoder } from "#lib/features/index_text_encoder.js";
import { searchText } from "#lib/features/search_text.js";
import { VideoClip } from "#lib/models/videoclip/videoclip.js";
import { hashValues } from "#lib/nn/random_weights.js";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("LanceDB");
const installed = "build/lancedb/node_modules";
const folder = temporaryFolder("lancedb");
const at = (name: string) => join(folder, name);
const WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "stir", "soup", "cut", "onion", "the"];

if (!existsSync(join(installed, "@lancedb/lancedb"))) {
  process.stdout.write("SKIP the example for LanceDB: it is not installed in build/lancedb\n");
  test("nothing runs here", () => {});
} else {
  test("an approximate search finds the best rows with their exact scores, in a table that is made once", async () => {
    writeFileSync(at("vocab.txt"), `${WORDS.join("\n")}\n`);
    const sizes = { featureSize: 64, hiddenSize: 32, heads: 2, intermediateSize: 64, videoLayers: 1, textLayers: 1 };
    const ids = { vocabularySize: WORDS.length, maxPositions: 64, clsId: 2, sepId: 3 };
    const made = VideoClip.random(1, { config: { ...sizes, ...ids }, tokenizer: at("vocab.txt"), device: "cpu" });
    await made.save(at("model"));
    made.dispose();
    const model = await VideoClip.load(at("model"), { device: "cpu" });
    const text = videoClipTextEncoder(model, at("model"));
    const index = await FeatureIndex.create(at("index"), { dim: text.dim, dtype: "f32", text: text.info });
    const [videos, windows] = [30, 50];
    await index.append(
      Array.from({ length: videos }, (_, i) => ({
        video: `/videos/${i}.mp4`,
        rows: hashValues("lancedb", String(i), windows * text.dim),
        spans: Array.from({ length: windows }, (_, w): [number, number] => [w, w + 2]),
      })),
    );
    mkdirSync(at("node_modules"));
    for (const name of readdirSync(installed)) {
      if (!name.startsWith(".")) symlinkSync(resolve(installed, name), at(`node_modules/${name}`));
    }
    symlinkSync(resolve("."), at("node_modules/videoclip"));
    copyFileSync("examples/lancedb.mjs", at("lancedb.mjs"));
    for (const sentence of ["stir the soup", "cut the onion"]) {
      const run = spawnSync(process.execPath, [at("lancedb.mjs"), at("index"), at("tables"), sentence], {
        encoding: "utf8",
      });
      assert.is(run.status, 0, run.stderr);
      const { hits } = await searchText(index, sentence, { text, top: 5, fit: false });
      const exact = hits.map(
        ({ video, start, end, score }) => `${score.toFixed(3)}  ${start.toFixed(1)}-${end.toFixed(1)} s  ${video}`,
      );
      const found = run.stdout.trim().split("\n");
      assert.is(found.length, 5);
      assert.is(found[0], exact[0]);
      const same = found.filter((line) => exact.includes(line));
      assert.ok(same.length >= 4, `${found.join("\n")}\n\n${exact.join("\n")}`);
    }
    index.dispose();
    text.dispose();
    model.dispose();
  });
}

test.run();
