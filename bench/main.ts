// npm run bench -- NAME [--json] [--threads N] [--runs N]: this package against its peers, or with `--against FOLDER`
// against another checkout of it; see README.md.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { textConfig } from "../dist/models/text/text_config.js";
import { parametersOf } from "../dist/models/parameters.js";
import { benchExtract, compareExtract, type Encoding, encodingOf } from "./extract.js";
import { benchIndex } from "./index.js";
import { benchPictures } from "./pictures.js";
import { report } from "./report.js";
import { BENCHES } from "./cases/index.js";
import { checkoutEngine, Engine } from "./harness/engine.js";
import { graphOf, weightOf } from "./harness/graph.js";
import { machine } from "./harness/machine.js";
import type { BenchCase } from "./harness/spec.js";
import { trainJob } from "./harness/train.js";
import { median, pairRatio, quantile } from "./harness/statistics.js";
import { turns } from "./harness/turns.js";

/** Peers that take seconds or minutes per run. */
const SLOW = new Set(["tfjs_wasm", "tfjs_cpu"]);
/** Peers that are measured only if they are installed, by their package. */
const OPTIONAL: Record<string, string> = { tfjs_node: "@tensorflow/tfjs-node" };
const folder = fileURLToPath(new URL(".", import.meta.url));

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    threads: { type: "string", default: String(Math.min(2, availableParallelism())) },
    runs: { type: "string", default: "15" },
    peer: { type: "string", multiple: true },
    against: { type: "string" },
    long: { type: "boolean", default: false },
    rows: { type: "string" },
    folder: { type: "string" },
    model: { type: "string", default: "s3d" },
    precision: { type: "string", default: "f32" },
  },
});
const [name] = positionals;
const threads = Number(values.threads);
const runs = Number(values.runs);
if (name === "report") {
  report();
  process.exit(0);
}
if (name === "extract") {
  const { json, long, against, model, precision } = values;
  let encoding: Encoding;
  try {
    encoding = encodingOf({ threads, model, precision });
  } catch (error) {
    console.error((error as Error).message);
    process.exit(2);
  }
  await (against
    ? compareExtract({ ...encoding, long, runs, against: resolve(against) })
    : benchExtract({ ...encoding, json, long }));
  process.exit(0);
}
if (name === "index") {
  const { json, folder } = values;
  await benchIndex({ json, threads, runs, folder, rows: Number(values.rows ?? 1_000_000), dim: 768, dtype: "f16" });
  process.exit(0);
}
if (name === "pictures") {
  await benchPictures({ json: values.json, threads, count: Number(values.rows ?? 2000) });
  process.exit(0);
}
if (!BENCHES[name] || !(threads >= 1) || !(runs >= 1)) {
  const list = Object.entries(BENCHES).map(([key, { about }]) => `  ${key.padEnd(10)} ${about}`);
  console.error(
    `Usage: npm run bench -- NAME [--json] [--threads N] [--runs N] [--peer NAME]... [--against CHECKOUT]\n${list.join("\n")}\n  extract    videos to features, against decoding and computing alone (--long: 10 minutes of 720p; --model NAME, --precision f32|bf16)\n  pictures   features of 2000 small JPEGs and as many PNGs (--rows N)\n  index      opening and querying a feature index of 1M x 768 f16 rows (--rows N, --folder DIR to keep it)\n  report     writes the tables of README.md from results/*.jsonl`,
  );
  process.exit(2);
}

if (!values.against && !existsSync(join(folder, "node_modules"))) {
  process.stderr.write("Installing the peers into bench/node_modules\n");
  const { status } = spawnSync("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder });
  if (status !== 0) process.stderr.write("npm install failed in bench/: peers from the registry will be missing\n");
}

const here = machine();
const work = mkdtempSync(join(tmpdir(), "videoclip-bench-"));

/** Starts both engines and warms them up; the reason if that fails. */
async function start(engine: string, job: Parameters<Engine["build"]>[0]): Promise<Engine | string> {
  const process = new Engine(engine, threads);
  try {
    await process.build(job);
    await process.run();
    if (!SLOW.has(engine)) await process.run();
    return process;
  } catch (error) {
    process.stop();
    return error instanceof Error ? error.message : String(error);
  }
}

async function compare({ name: label, spec, precision }: BenchCase, peer: string): Promise<void> {
  const onnx = join(work, "model.onnx");
  if (peer.startsWith("onnxruntime")) {
    const { toOnnx } = await import("../dist/onnx/to_onnx.js");
    const graph = graphOf(spec, true);
    const shapes = parametersOf(graph);
    const model = toOnnx(graph, (key) => weightOf(key, shapes.get(key)!));
    await model.save(onnx);
  }
  const train = spec.kind === "train" ? trainJob(spec) : undefined;
  const text = spec.kind === "text" ? textConfig({ model_type: spec.model }) : undefined;
  const job = { spec, threads, precision, onnx, train, text };
  const ours = await start("videoclip", job);
  const other = typeof ours === "string" ? "" : await start(peer, job);
  if (typeof ours === "string" || typeof other === "string") {
    process.stderr.write(`SKIP ${label}, ${peer}: ${typeof ours === "string" ? ours : other}\n`);
    if (typeof ours !== "string") ours.stop();
    return;
  }
  try {
    const pairs = SLOW.has(peer) ? Math.min(2, runs) : runs;
    const { a, b } = await turns(ours, other, pairs);
    const row = {
      bench: name,
      case: label,
      threads,
      ...here,
      ours_ms: median(a),
      peer,
      peer_ms: median(b),
      ratio: pairRatio(a, b),
      runs: pairs,
    };
    const spread = (t: number[]) =>
      `${median(t).toFixed(2)} [${quantile(t, 0.25).toFixed(2)}, ${quantile(t, 0.75).toFixed(2)}]`;
    console.log(
      values.json
        ? JSON.stringify(row)
        : `${label.padEnd(42)} ours ${spread(a).padEnd(26)} ${peer.padEnd(15)} ${spread(b).padEnd(32)} ${`${row.ratio.toFixed(2)}x`.padEnd(8)} ${here.cpu} ${here.isa}`,
    );
  } finally {
    ours.stop();
    other.stop();
  }
}

try {
  if (!values.json)
    console.log(`milliseconds: median [quartiles]; ratio of neighbouring runs, peer / ours; ${threads} threads`);
  for (const row of BENCHES[name].cases) {
    const installed = (peer: string) => !OPTIONAL[peer] || existsSync(join(folder, "node_modules", OPTIONAL[peer]));
    const peers = values.against
      ? [checkoutEngine(resolve(values.against))]
      : row.peers.filter((peer) => (values.peer ? values.peer.includes(peer) : installed(peer)));
    for (const peer of peers) await compare(row, peer);
  }
} finally {
  rmSync(work, { recursive: true });
}
