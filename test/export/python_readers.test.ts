// Readers of Python, where it has them, find in each export what was extracted: pyarrow, duckdb, polars, datasets, numpy, faiss.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportFeatures, type ExportFeaturesOptions } from "#lib/export/export_features.js";
import { parseLines } from "../support/command_line.js";
import { temporaryFolder } from "../support/temporary_folder.js";
import { addToStore, DIM, inOrder, oddEntries, timesOf, valuesOf } from "./feature_stores.js";

const test = suite("exports read by Python");
const root = temporaryFolder("python-readers");
const store = join(root, "features");
addToStore(store, oddEntries());

/** How a reader names what a clip does not have, and which facts it has. */
interface Job {
  reader: string;
  export: string;
  /** The format has ids, without durations. */
  ids?: boolean;
}

const EXPORTS: Record<string, Partial<ExportFeaturesOptions> & Pick<ExportFeaturesOptions, "to">> = {
  "a.parquet": { to: "parquet" },
  "half.parquet": { to: "parquet", dtype: "f16" },
  webdataset: { to: "webdataset", shardBytes: 6000 },
  "a.npz": { to: "npz" },
  "wide.npz": { to: "npz", dtype: "f32" },
  "clip-retrieval": { to: "clip-retrieval", shardBytes: 7 * DIM * 4 },
  "half-clip-retrieval": { to: "clip-retrieval", dtype: "f16" },
  "a.faiss": { to: "faiss" },
  "a.fbin": { to: "fbin" },
  "a.f16bin": { to: "fbin", dtype: "f16" },
  "a.jsonl": { to: "jsonl" },
};

const JOBS: Job[] = [
  { reader: "pyarrow_reader", export: "a.parquet" },
  { reader: "pyarrow_reader", export: "half.parquet" },
  { reader: "duckdb_reader", export: "a.parquet" },
  { reader: "duckdb_reader", export: "half.parquet" },
  { reader: "polars_reader", export: "a.parquet" },
  { reader: "datasets_parquet", export: "a.parquet" },
  { reader: "datasets_parquet", export: "half.parquet" },
  { reader: "datasets_webdataset", export: "webdataset" },
  { reader: "webdataset_reader", export: "webdataset" },
  { reader: "tar_reader", export: "webdataset" },
  { reader: "npz_reader", export: "a.npz" },
  { reader: "npz_reader", export: "wide.npz" },
  { reader: "clip_retrieval_reader", export: "clip-retrieval" },
  { reader: "clip_retrieval_reader", export: "half-clip-retrieval" },
  { reader: "faiss_reader", export: "a.faiss", ids: true },
  { reader: "fbin_reader", export: "a.fbin", ids: true },
  { reader: "f16bin_reader", export: "a.f16bin", ids: true },
  { reader: "jsonl_reader", export: "a.jsonl", ids: true },
];

const WANTED = inOrder(oddEntries()).flatMap(({ path, clips, partial = false }) => {
  const values = valuesOf(path, clips);
  return timesOf(clips).map(([start, end], clip) => {
    const feature = Array.from(values.subarray(clip * DIM, (clip + 1) * DIM));
    return { path, clip, start, end, duration: clips + 0.5, partial, feature };
  });
});
const asIds = ({ duration: _, partial, ...rest }: (typeof WANTED)[number]) => ({ ...rest, ...(partial ? { partial } : {}) }); // prettier-ignore

for (const [name, options] of Object.entries(EXPORTS))
  await exportFeatures(store, { out: join(root, name), ...options });

const jobs = join(root, "jobs.json");
writeFileSync(jobs, JSON.stringify(JOBS.map((job) => [job.reader, join(root, job.export)])));
mkdirSync(join(root, "home"));
// readers of Hugging Face keep what they converted, and ask for updates unless they are offline
const env = { ...process.env, HF_HOME: join(root, "home"), HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1", HF_DATASETS_DISABLE_PROGRESS_BARS: "1" }; // prettier-ignore
const python = spawnSync("python3", [join(import.meta.dirname, "read_exports.py"), jobs], { encoding: "utf8", env, maxBuffer: 1 << 28 }); // prettier-ignore
const results = python.error ? [] : parseLines(python.stdout);

for (const [i, job] of JOBS.entries()) {
  const name = `${job.reader.replace(/_reader$/, "")}: ${job.export}`;
  test(name, () => {
    if (python.error) return void process.stdout.write(`SKIP ${name}: there is no python3\n`);
    const { clips, missing, error } = results[i] ?? { error: python.stderr };
    if (missing) return void process.stdout.write(`SKIP ${name}: Python has no module ${missing}\n`);
    assert.is(error, undefined);
    assert.equal(clips, job.ids ? WANTED.map(asIds) : WANTED);
  });
}

test.run();
