// npm run demo: makes sample videos, extracts features with the command line, prints a table and nearest neighbours, then
// indexes the features and searches them with a sentence.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeSamples } from "./make_samples.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const videos = join(root, "demo/videos");
const out = join(root, "demo/features");

process.stderr.write("Making sample videos\n");
rmSync(join(root, "demo"), { recursive: true, force: true });
await makeSamples(videos, { count: 6, seconds: 4 });

/** Runs the command line and returns what it writes to stdout. */
function videoclip(...command) {
  const shown = command.map((word) => (word.includes(" ") ? `"${word}"` : word)).join(" ");
  process.stderr.write(`videoclip ${shown.replaceAll(root, ".")}\n`);
  const run = spawnSync(process.execPath, [join(root, "dist/cli/main.js"), ...command], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (run.status !== 0) process.exit(run.status ?? 1);
  return run.stdout;
}

const random = ["--random-weights", "1"];
const model = ["--model", "s3dg", "--output", "video_embedding", ...random, "--frames", "16"];
const summary = videoclip("extract", videos, ...model, "--save-dtype", "f32", "--out", out, "--json")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line))
  .find((line) => line.event === "summary");

/** The mean over clips of a feature file. */
function meanFeature(path) {
  const file = readFileSync(path);
  const data = new Float32Array(file.buffer.slice(file.byteOffset + 10 + file.readUInt16LE(8)));
  const dim = Number(/\((\d+), (\d+)\)/.exec(file.toString("latin1", 0, 128))[2]);
  const mean = new Float64Array(dim);
  data.forEach((v, i) => {
    mean[i % dim] += v;
  });
  const norm = Math.sqrt(mean.reduce((sum, v) => sum + v * v, 0));
  return mean.map((v) => v / norm);
}

const entries = readFileSync(join(out, "manifest.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
entries.sort((a, b) => (a.path < b.path ? -1 : 1));
const features = entries.map((entry) => meanFeature(join(out, entry.file)));
const cosine = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0);
const rows = entries.map((entry, i) => {
  const others = entries.map((other, j) => ({
    name: other.file.replace(".npy", ""),
    score: i === j ? -2 : cosine(features[i], features[j]),
  }));
  const best = others.reduce((a, b) => (b.score > a.score ? b : a));
  return [
    entry.file.replace(".npy", ""),
    `${entry.duration.toFixed(1)} s`,
    entry.clips,
    entry.settings.dim,
    `${best.name} (${best.score.toFixed(4)})`,
  ];
});
const table = [["video", "length", "clips", "dimensions", "nearest neighbour (cosine)"], ...rows];
const widths = table[0].map((_, c) => Math.max(...table.map((row) => String(row[c]).length)));
for (const row of table)
  process.stdout.write(
    `${row
      .map((cell, c) => String(cell).padEnd(widths[c]))
      .join("  ")
      .trimEnd()}\n`,
  );
process.stdout.write(
  `\n${summary.videos} videos, ${summary.clips} clips, ${(summary.clips / summary.seconds).toFixed(1)} clips/s` +
    " (random weights: the neighbours mean nothing; see the README for real ones)\n",
);

// S3D-G's text tower embeds sentences into the space of `video_embedding`; its words are those of s3d_dict.npy
const { npyStrings } = await import("../dist/weights/npy.js");
const [words, index, page] = ["words.npy", "index", "search.html"].map((name) => join(root, "demo", name));
writeFileSync(words, npyStrings(["a", "disc", "that", "moves", "in", "circle", "waves", "of", "colour"]));
videoclip("index", out, "--out", index, "--words", words, ...random, "--quiet");
const hits = videoclip("search", "a disc that moves in a circle", "--index", index, "--top", "6", "--html", page);
process.stdout.write(
  `\n${hits.replaceAll(root, ".")}\nRandom weights give arbitrary ranks; with the published ones they are answers.\n`,
);
