// Captions at scale: raw_caption.json of VIDEOS videos with PAIRS captions each, packed by `videoclip data pack` and sampled by
// PairLoader, each in a separate process that reports its peak memory. Outside CI: minutes, and some gigabytes of disk.
//   node scripts/build.mjs && node bench/scale/captions.mjs FOLDER [--videos 100000] [--pairs 100] [--width 32] [--batches 500]
// Features are narrow (the time of the captions is what is measured) and shared by all videos as one file with many names.
import { spawnSync } from "node:child_process";
import { createWriteStream, existsSync, linkSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  options: {
    videos: { type: "string", default: "100000" },
    pairs: { type: "string", default: "100" },
    width: { type: "string", default: "32" },
    batches: { type: "string", default: "500" },
    sample: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const [folder] = positionals;
if (!folder) {
  console.error("Usage: node bench/scale/captions.mjs FOLDER [--videos N] [--pairs N]");
  process.exit(2);
}
const number = (name) => Number(values[name]);
const [videos, pairs, width] = [number("videos"), number("pairs"), number("width")];
const pack = join(folder, "pack");
const peak = () => Math.round(process.resourceUsage().maxRSS / 1024);

if (values.sample) await sample();
else await main();

async function main() {
  mkdirSync(join(folder, "features"), { recursive: true });
  await writeCaptions(join(folder, "raw_caption.json"));
  writeFeatures();
  const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ...Array.from({ length: 3000 }, (_, i) => `w${i}`)];
  writeFileSync(join(folder, "vocab.txt"), `${vocabulary.join("\n")}\n`);
  // the command runs in a process that prints its peak memory when it ends
  const tell = `process.on("exit", () => console.error("peak " + Math.round(process.resourceUsage().maxRSS / 1024)))`;
  const started = performance.now();
  const packed = spawnSync(
    process.execPath,
    [
      ...["--import", `data:text/javascript,${encodeURIComponent(tell)}`, "dist/cli/main.js", "data", "pack"],
      ...["howto100m", join(folder, "raw_caption.json"), "--features", join(folder, "features")],
      ...["--tokenizer", join(folder, "vocab.txt"), "--out", pack, "--json"],
    ],
    { encoding: "utf8" },
  );
  if (packed.status !== 0) throw new Error(packed.stderr);
  const { videos: kept, captions, shards } = JSON.parse(packed.stdout);
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(
    JSON.stringify({
      stage: "pack",
      videos: kept,
      captions,
      shards,
      seconds,
      peakMiB: Number(/peak (\d+)/.exec(packed.stderr)[1]),
    }),
  );
  const sampled = spawnSync(process.execPath, [...process.argv.slice(1), "--sample"], { encoding: "utf8" });
  if (sampled.status !== 0) throw new Error(sampled.stderr);
  process.stdout.write(sampled.stdout);
}

/** About 8 words of 3000 and 3 s a caption, as HowTo100M has; 100 captions are 5 minutes. */
async function writeCaptions(file) {
  if (existsSync(file)) return;
  const out = createWriteStream(file);
  let state = 1;
  const draw = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 8) % n;
  };
  for (let v = 0; v < videos; v++) {
    const [start, end, text] = [[], [], []];
    for (let c = 0; c < pairs; c++) {
      start.push(3 * c + draw(10) / 10);
      end.push(3 * c + 3 + draw(10) / 10);
      text.push(Array.from({ length: 5 + draw(7) }, () => `w${draw(3000)}`).join(" "));
    }
    const entry = `${v === 0 ? "{" : ", "}"v${v}": ${JSON.stringify({ start, end, text })}`;
    if (!out.write(entry)) {
      await new Promise((resolve) => out.once("drain", resolve));
    }
  }
  await new Promise((resolve) => out.end("}", resolve));
}

/** One file of f16 `[3 x pairs, width]` for all videos. */
function writeFeatures() {
  const rows = 3 * pairs;
  const bytes = Buffer.alloc(128 + 2 * rows * width, " ");
  bytes.write("\x93NUMPY\x01\x00", 0, "latin1");
  bytes.writeUInt16LE(118, 8);
  bytes.write(`{'descr': '<f2', 'fortran_order': False, 'shape': (${rows}, ${width}), }`, 10, "latin1");
  bytes[127] = 10;
  for (let i = 0; i < rows * width; i++) bytes.writeUInt16LE(0x3000 + (i % 1024), 128 + 2 * i);
  let file;
  for (let v = 0; v < videos; v++) {
    const path = join(folder, "features", `v${v}.npy`);
    if (existsSync(path)) continue;
    // file systems limit the number of names of a file
    if (!file || v % 30_000 === 0) writeFileSync((file = path), bytes);
    else linkSync(file, path);
  }
}

async function sample() {
  const { PackedDataset } = await import("../../dist/data/packed_dataset.js");
  const { shuffledGroups } = await import("../../dist/data/pair_batch.js");
  const { PairLoader } = await import("../../dist/data/pair_loader.js");
  const dataset = new PackedDataset(pack);
  const groups = shuffledGroups(dataset.size, 32, 1, 0).slice(0, number("batches"));
  dataset.close();
  const loader = new PairLoader({ folder: pack, sampling: { seed: 1 }, workers: 2 });
  const started = performance.now();
  let drawn = 0;
  for await (const { batch } of loader.epoch(groups, 0)) drawn += batch.pairs;
  const seconds = (performance.now() - started) / 1000;
  await loader.close();
  console.log(
    JSON.stringify({
      stage: "sample",
      workers: 2,
      batches: groups.length,
      pairs: drawn,
      pairsPerSecond: Math.round(drawn / seconds),
      peakMiB: peak(),
    }),
  );
}
