// Exports at scale: VIDEOS videos of CLIPS clips each, exported to each format by `videoclip features export` in a process
// that reports its peak memory. Outside CI: minutes, and some gigabytes of disk.
//   node scripts/build.mjs && node bench/scale/export.mjs FOLDER [--videos 10000] [--clips 100] [--width 768] [--to parquet,faiss]
import { spawnSync } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { npyBytes } from "../../dist/weights/npy.js";

const { values, positionals } = parseArgs({
  options: {
    videos: { type: "string", default: "10000" },
    clips: { type: "string", default: "100" },
    width: { type: "string", default: "768" },
    to: { type: "string", default: "parquet,webdataset,npz,clip-retrieval,faiss,fbin,jsonl,pgvector" },
  },
  allowPositionals: true,
});
const [folder] = positionals;
if (!folder) {
  console.error("Usage: node bench/scale/export.mjs FOLDER [--videos N] [--clips N] [--width N] [--to FORMATS]");
  process.exit(2);
}
const [videos, clips, width] = ["videos", "clips", "width"].map((name) => Number(values[name]));
const features = join(folder, "features");
await writeFeatures();
for (const to of values.to.split(",")) {
  const out = join(folder, `out-${to}`);
  rmSync(out, { recursive: true, force: true });
  // the command runs in a process that prints its peak memory when it ends
  const tell = `process.on("exit", () => console.error("PEAK " + process.resourceUsage().maxRSS))`;
  const from = performance.now();
  const args = ["features", "export", features, "--to", to, "--out", out, "--force", "--json", "--quiet"];
  const run = spawnSync(
    process.execPath,
    ["--import", `data:text/javascript,${encodeURIComponent(tell)}`, "dist/cli/main.js", ...args],
    { encoding: "utf8" },
  );
  const peak = /PEAK (\d+)/.exec(run.stderr)?.[1];
  if (run.status !== 0 || !peak) throw new Error(`${to}: exit code ${run.status}: ${run.stderr}`);
  const { rows, files } = JSON.parse(run.stdout);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const seconds = ((performance.now() - from) / 1000).toFixed(0);
  console.log(
    `${to}: ${rows} rows, ${(bytes / 1e9).toFixed(2)} GB in ${seconds} s, peak ${Math.round(peak / 1024)} MiB`,
  );
}

/** Features as `videoclip extract` writes them, of random values. */
async function writeFeatures() {
  const manifest = join(features, "manifest.jsonl");
  if (existsSync(manifest)) return;
  mkdirSync(features, { recursive: true });
  const settings = { model: "s3d", output: "features", dim: width, weights: "random", precision: "f32", l2: false, dtype: "f16", preset: {} }; // prettier-ignore
  const timestamps = Array.from({ length: clips }, (_, i) => [i, i + 1]);
  const random = Float32Array.from({ length: clips * width + 997 }, () => Math.random() - 0.5);
  const lines = createWriteStream(`${manifest}.part`);
  for (let i = 0; i < videos; i++) {
    const file = `v${i}.npy`;
    writeFileSync(
      join(features, file),
      npyBytes(random.subarray(i % 997, (i % 997) + clips * width), [clips, width], "f16"),
    );
    const path = `/videos/${i % 100}/v${i}.mp4`;
    const entry = { path, file, duration: clips, clips, timestamps, padded_frames: 0, settings, finished_at: "2026-01-01T00:00:00.000Z" }; // prettier-ignore
    if (!lines.write(`${JSON.stringify(entry)}\n`)) await new Promise((resolve) => lines.once("drain", resolve));
  }
  await new Promise((resolve) => lines.end(resolve));
  renameSync(`${manifest}.part`, manifest);
}
