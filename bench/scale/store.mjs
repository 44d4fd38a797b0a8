// The results store at scale: a folder with RECORDS records in four parts is opened without and with its index, and an
// extraction of INPUTS videos, all of which it has, resumes there. Each stage runs in a process that reports its time and
// peak memory. Outside CI: minutes, and some gigabytes of disk.
//   node scripts/build.mjs && node bench/scale/store.mjs FOLDER [--records 1000000] [--inputs 1000000]
import { spawnSync } from "node:child_process";
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  options: {
    records: { type: "string", default: "1000000" },
    inputs: { type: "string", default: "1000000" },
    stage: { type: "string" },
  },
  allowPositionals: true,
});
const [folder] = positionals;
if (!folder) {
  console.error("Usage: node bench/scale/store.mjs FOLDER [--records N] [--inputs N]");
  process.exit(2);
}
const [records, inputs] = [Number(values.records), Number(values.inputs)];
const [features, list] = [join(folder, "features"), join(folder, "list.txt")];
const PARTS = 4;
const DIM = 4;
const CHANGED = 1_700_000_000_000;
const preset = { name: "howto100m", fps: 10, frames: 32, stride: 32, size: 224, hdr: "tonemap" };
const encoder = { model: "s3dg", output: "mixed_5c", dim: DIM, weightsHash: "0123456789abcdef", precision: "f32", preset, batch: 1 }; // prettier-ignore

const stages = { open: openRecords, order: readInOrder, plan, resume };
if (values.stage) await stages[values.stage]();
else main();

function main() {
  mkdirSync(features, { recursive: true });
  writeRecords();
  writeFiles();
  rmSync(join(features, ".index"), { recursive: true, force: true });
  for (const [stage, about] of Object.entries({
    open: "without its index",
    "open ": "with its index",
    order: "",
    resume: `${inputs} inputs`,
  })) {
    // prettier-ignore
    const child = spawnSync(process.execPath, [...process.argv.slice(1), "--stage", stage.trim()], { encoding: "utf8" });
    if (child.status !== 0) throw new Error(child.stderr);
    console.log(JSON.stringify({ records, stage: stage.trim(), about, ...JSON.parse(child.stdout) }));
  }
}

/** Path, feature file and number of the i-th video. The files of the first `inputs` exist. */
function video(i) {
  const id = `${(Math.imul(i, 2654435761) >>> 0).toString(36).padStart(7, "0")}${i.toString(36)}`;
  return { path: join(folder, "videos", String(i % 1000).padStart(4, "0"), `${id}.mp4`), file: `${id}.npy` };
}

function writeRecords() {
  const { model, output, dim, weightsHash: weights, precision } = encoder;
  const settings = { model, output, dim, weights, precision, l2: false, dtype: "f16", preset, onError: "skip" };
  const parts = Array.from({ length: PARTS }, (_, i) => ({ file: openSync(join(features, `manifest.worker-${i}.jsonl`), "w"), lines: [] })); // prettier-ignore
  for (let k = 0; k < records; k++) {
    const i = (k * 7919) % records; // in no order
    const { path, file } = video(i);
    const timestamps = [[0, 3.2], [3.2, 6.4], [6.4, 9.6]]; // prettier-ignore
    const source = { bytes: i < inputs ? 0 : 1 + ((i * 7907) % 999_999_937), modified: CHANGED, sample: i.toString(16).padStart(32, "a") }; // prettier-ignore
    const entry = { path, file, duration: 9.6, clips: 3, timestamps, padded_frames: 0, source, settings, finished_at: new Date(CHANGED + k).toISOString() }; // prettier-ignore
    const part = parts[k % PARTS];
    part.lines.push(`${JSON.stringify(entry)}\n`);
    if (part.lines.length === 2000) writeSync(part.file, part.lines.splice(0).join(""));
  }
  for (const { file, lines } of parts) {
    writeSync(file, lines.join(""));
    closeSync(file);
  }
}

/** Empty videos, feature files as names of few files, and the list. */
function writeFiles() {
  for (let i = 0; i < Math.min(1000, inputs); i++) mkdirSync(join(folder, "videos", String(i).padStart(4, "0")), { recursive: true }); // prettier-ignore
  const lines = [];
  for (let i = 0; i < inputs; i++) {
    const { path, file } = video(i);
    writeFileSync(path, "");
    utimesSync(path, CHANGED / 1000, CHANGED / 1000);
    const original = join(folder, `features-${Math.floor(i / 50_000)}.npy`); // a file has at most 65,000 names
    if (i % 50_000 === 0) writeFileSync(original, Buffer.alloc(128 + 3 * DIM * 2));
    rmSync(join(features, file), { force: true });
    linkSync(original, join(features, file));
    lines.push(path);
  }
  writeFileSync(list, `${lines.join("\n")}\n`);
}

function report(started, found) {
  const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(
    JSON.stringify({ ...found, seconds: Number(((performance.now() - started) / 1000).toFixed(2)), peakMiB }),
  );
}

async function openRecords() {
  const { FeatureStore } = await import("../../dist/features/store.js");
  const started = performance.now();
  const store = await FeatureStore.open(features, ".worker-0");
  report(started, { videos: store.records.size });
  store.close();
}

async function readInOrder() {
  const { RecordIndex } = await import("../../dist/records/record_index.js");
  const started = performance.now();
  const index = await RecordIndex.open(features);
  let videos = 0;
  for (const _ of index.inOrder()) videos++;
  report(started, { videos });
}

/** What a resumed run does once its inputs are known: names, checks and the plan. */
async function plan() {
  const [{ FeatureStore }, { featureNames }, { checkResume, planResume }] = await Promise.all(
    ["store", "feature_names", "resume"].map((name) => import(`../../dist/features/${name}.js`)),
  );
  const paths = readFileSync(list, "utf8").trimEnd().split("\n");
  const items = paths.map((path) => ({ path }));
  const started = performance.now();
  const store = await FeatureStore.open(features, ".worker-0");
  featureNames(paths, store.records);
  const [settings] = store.records.index.settings;
  checkResume(store, [], true, settings);
  const { skipped, todo, changed } = await planResume(store, items, { retry: false });
  store.close();
  report(started, { skipped, todo: todo.length, changed });
}

async function resume() {
  const { extractToFolder } = await import("../../dist/features/run.js");
  const started = performance.now();
  const { skipped, videos, failures } = await extractToFolder([list], { encoder, out: features, resume: true });
  report(started, { skipped, videos, failures });
}
