// The memory in which a folder is opened, read in order and resumed does not grow with the number of its records: with
// four times as many, it is about the same.
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { temporaryFolder } from "../support/temporary_folder.js";

const test = suite("large store");
const root = temporaryFolder("large-store");
const child = fileURLToPath(new URL("large_store_child.ts", import.meta.url));

function writeRecords(folder: string, count: number): void {
  mkdirSync(folder);
  const settings = { model: "s3dg", output: "mixed_5c", dim: 1024, dtype: "f16", preset: { name: "howto100m", size: 224 } }; // prettier-ignore
  for (let begin = 0; begin < count; begin += 5000) {
    const lines = Array.from({ length: 5000 }, (_, j) => {
      const i = ((begin + j) * 7919) % count;
      const source = { bytes: i + 1, modified: i, sample: String(i).padStart(32, "0") };
      return `${JSON.stringify({ path: `/videos/${i % 100}/${i}.mp4`, file: `${i}.npy`, clips: 1, timestamps: [[0, 1]], source, settings, finished_at: new Date(i).toISOString() })}\n`;
    });
    appendFileSync(join(folder, `manifest.worker-${(begin / 5000) % 3}.jsonl`), lines.join(""));
  }
}

test("200,000 records take about the memory of 50,000", () => {
  const peaks = [50_000, 200_000].map((count) => {
    const folder = join(root, String(count));
    writeRecords(folder, count);
    return ["without an index", "with it"].map((about) => {
      const run = spawnSync(process.execPath, ["--import", "tsx", child, folder], { encoding: "utf8" });
      assert.is(run.status, 0, run.stderr);
      const { size, inOrder, found, peak } = JSON.parse(run.stdout);
      assert.equal([size, inOrder, found], [count, count, 1000], about);
      return peak as number;
    });
  });
  const [few, many] = peaks;
  process.stdout.write(`peaks in MiB: ${JSON.stringify(peaks)}\n`);
  for (const i of [0, 1]) assert.ok(many[i] < 1.4 * few[i], `${few[i]} MiB became ${many[i]} MiB`);
});

test.run();
