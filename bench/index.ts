// npm run bench -- index [--rows N] [--dim D] [--dtype f16|f32] [--folder DIR]: opening and querying a feature index.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FeatureIndex } from "../dist/features/feature_index.js";
import { hashValues } from "../dist/nn/random_weights.js";
import { machine } from "./harness/machine.js";
import { median, quantile } from "./harness/statistics.js";

export interface IndexBenchOptions {
  threads: number;
  runs: number;
  rows: number;
  dim: number;
  dtype: "f16" | "f32";
  /** Keep the index in this folder and reuse it; default: a temporary folder. */
  folder?: string;
  json: boolean;
}

const ROWS_PER_VIDEO = 1000;

/** An index of generated rows, all of them on disk. */
async function makeIndex(folder: string, { rows, dim, dtype }: IndexBenchOptions): Promise<void> {
  const index = await FeatureIndex.create(folder, { dim, dtype });
  const pool = hashValues("bench/index", "rows", 1 << 20);
  await index.append(
    (function* () {
      for (let first = 0; first < rows; first += ROWS_PER_VIDEO) {
        const count = Math.min(ROWS_PER_VIDEO, rows - first);
        const data = Float32Array.from({ length: count * dim }, (_, i) => pool[(first * 977 + i * 31) % pool.length]);
        const spans = Array.from({ length: count }, (_, i): [number, number] => [i, i + 1]);
        yield { video: `/videos/${first}.mp4`, rows: data, spans };
      }
    })(),
  );
  index.dispose();
}

/**
 * Removes an index from the system's page cache, so that the next query reads it from the disk. False if GNU dd is
 * missing.
 */
function forget(folder: string): boolean {
  return readdirSync(folder).every((name) => {
    return spawnSync("dd", [`if=${join(folder, name)}`, "iflag=nocache", "count=0"]).status === 0;
  });
}

/**
 * Time of opening, of the first query after it, and of further queries; before that, of a first query that reads the
 * rows from the disk.
 */
export async function benchIndex(options: IndexBenchOptions): Promise<void> {
  const { threads, runs, dim, json } = options;
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), "videoclip-bench-index-"));
  try {
    if (!existsSync(join(folder, "index.json"))) await makeIndex(folder, options);
    const [opening, first, warm]: number[][] = [[], [], []];
    let size = 0;
    let bytes = 0;
    let cold = Number.NaN;
    if (forget(folder)) {
      const index = await FeatureIndex.open(folder, { threads });
      const start = performance.now();
      await index.search({ vector: hashValues("bench/index", "cold", dim), top: 10 });
      cold = performance.now() - start;
      index.dispose();
    }
    for (let run = 0; run < runs; run++) {
      const vector = hashValues("bench/index", `query ${run}`, dim);
      const began = performance.now();
      const index = await FeatureIndex.open(folder, { threads });
      opening.push(performance.now() - began);
      for (let query = 0; query < 4; query++) {
        const start = performance.now();
        await index.search({ vector, top: 10 });
        (query === 0 ? first : warm).push(performance.now() - start);
      }
      size = index.size;
      bytes = size * dim * (index.dtype === "f16" ? 2 : 4);
      index.dispose();
    }
    const here = machine();
    const row = {
      bench: "index",
      rows: size,
      dim,
      threads,
      ...here,
      open_ms: median(opening),
      cold_query_ms: cold,
      first_query_ms: median(first),
      query_ms: median(warm),
      gigabytes_per_second: bytes / median(warm) / 1e6,
      runs,
    };
    const text = (name: string, t: number[]) =>
      `${name} ${median(t).toFixed(1)} ms [${quantile(t, 0.25).toFixed(1)}, ${quantile(t, 0.75).toFixed(1)}]`;
    console.log(
      json
        ? JSON.stringify(row)
        : `${size} x ${dim}: ${text("open", opening)}, query from the disk ${cold.toFixed(0)} ms, ${text("first query", first)}, ${text("query", warm)}, ${row.gigabytes_per_second.toFixed(1)} GB/s, ${here.cpu} ${here.isa}`,
    );
  } finally {
    if (!options.folder) rmSync(folder, { recursive: true });
  }
}
