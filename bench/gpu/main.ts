// npm run bench:gpu [-- NAME...] [--runs N] [--out FILE]: time of the kernels on a GPU by its clock, as a share of a
// copy and of a large matrix product in the same run; with PyTorch for comparison if there is a python3 with torch.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createDevice } from "../../dist/runtime/device.js";
import { optimize } from "../../dist/compile/passes/index.js";
import { compile } from "../../dist/runtime/compile.js";
import { type DType, elements } from "../../dist/graph/tensor.js";
import { type Graph, trace } from "../../dist/graph/trace.js";
import { parametersOf } from "../../dist/models/parameters.js";
import { hashParameter } from "../../dist/nn/random_weights.js";
import { median } from "../harness/statistics.js";
import { CASES, COPY, costOf, type GpuCase, MATMUL } from "./cases.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "20" },
    out: { type: "string" },
    device: { type: "string", default: "cuda" },
  },
});
const runs = Number(values.runs);
const device = createDevice({ device: values.device as "cuda", precision: "bf16" });

/** Random data, never zeros: zeros draw less power and run faster. */
function randomInput(shape: readonly number[], dtype: DType): Float32Array | Uint8Array | Uint16Array | Int32Array {
  const length = elements(shape);
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
  if (dtype === "u8") return Uint8Array.from({ length }, () => next() >>> 24);
  if (dtype === "f32") return Float32Array.from({ length }, () => next() / 2 ** 31 - 1);
  // bf16 and f16 between about 0.1 and 1, either sign
  const base = dtype === "bf16" ? 0x3e00 : 0x3000;
  return Uint16Array.from({ length }, () => (next() & 0x8000) | (base + ((next() >>> 20) & 0x7f)));
}

interface Row {
  bench: string;
  case: string;
  ms: number;
  bytes: number;
  flops: number;
  /** Clips per second of consecutive whole runs, including copies. */
  clips_per_s?: number;
  torch?: Record<string, number | string>;
}

async function measure(c: GpuCase): Promise<Row> {
  let cost = { bytes: 0, flops: 0 };
  const graph: Graph = trace(() => {
    const outputs = c.build();
    cost = costOf(outputs);
    return outputs;
  });
  for (const [key, shape] of parametersOf(graph)) device.parameters.set(key, shape, hashParameter("gpu/", key, shape));
  const program = compile(optimize(graph), device);
  const inputs = Object.fromEntries([...program.inputs].map(([name, x]) => [name, randomInput(x.shape, x.dtype)]));
  const times: number[] = [];
  for (let i = 0; i < runs + 3; i++) {
    const instructions = await program.profile(inputs);
    // the layout of the weights is made once per model, and is not a part of the case
    if (i >= 3) times.push(instructions.reduce((sum, { ms }) => sum + ms, 0));
  }
  const row: Row = { bench: c.bench, case: c.name, ms: median(times), ...cost };
  if (c.clips) {
    const begin = performance.now();
    const flights = Array.from({ length: runs }, () => program.run(inputs));
    await Promise.all(flights);
    row.clips_per_s = (c.clips * runs * 1e3) / (performance.now() - begin);
  }
  program.dispose();
  return row;
}

/** Milliseconds of PyTorch; empty without PyTorch. */
function torch(cases: GpuCase[]): Record<string, number | string>[] {
  const script = fileURLToPath(new URL("torch_gpu.py", import.meta.url));
  const request = JSON.stringify({ runs, device: values.device, cases: cases.map((c) => c.torch ?? null) });
  const { status, stdout, stderr } = spawnSync("python3", [script], {
    input: request,
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  if (status !== 0) {
    process.stderr.write(`without PyTorch: ${stderr?.trim().split("\n").at(-1) ?? "no python3"}\n`);
    return cases.map(() => ({}));
  }
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}

const chosen = [COPY, MATMUL, ...CASES.filter((c) => positionals.length === 0 || positionals.includes(c.bench))];
const rows: Row[] = [];
for (const c of chosen) rows.push(await measure(c));
torch(chosen).forEach((times, i) => {
  if (Object.keys(times).length > 0) rows[i].torch = times;
});
const [copy, matmul] = rows;
const bandwidth = copy.bytes / copy.ms;
const arithmetic = matmul.flops / Math.min(matmul.ms, Number(matmul.torch?.eager ?? Number.POSITIVE_INFINITY));
const report = rows.map((row) => {
  const floor = Math.max(row.bytes / bandwidth, row.flops / arithmetic);
  return {
    ...row,
    roofline: floor / row.ms,
    bound: row.bytes / bandwidth > row.flops / arithmetic ? "memory" : "arithmetic",
  };
});
console.table(
  report.map(({ torch: t, ...row }) => ({
    case: row.case,
    ms: Number(row.ms.toPrecision(4)),
    "TB/s": Number((row.bytes / row.ms / 1e9).toPrecision(3)),
    "TFLOP/s": Number((row.flops / row.ms / 1e9).toPrecision(3)),
    "of roofline": Number(row.roofline.toPrecision(3)),
    "clips/s": row.clips_per_s && Math.round(row.clips_per_s),
    "torch eager": t?.eager,
    "torch compiled": t?.compiled,
  })),
);
if (values.out) {
  const gpu = device.hardware;
  writeFileSync(
    values.out,
    `${JSON.stringify({ gpu, date: new Date().toISOString().slice(0, 10), runs, rows: report }, null, 1)}\n`,
  );
}
device.dispose();
