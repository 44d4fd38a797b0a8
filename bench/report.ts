// npm run bench -- report: writes the tables and charts of README.md from results/*.jsonl.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Machine } from "./harness/machine.js";

/** Where a row was measured. Old lines do not say: the name of their file has the processor, and all of them ran on AVX-512. */
type Measured = Machine;

interface Row extends Measured {
  bench: string;
  case: string;
  ours_ms: number;
  peer: string;
  peer_ms: number;
  ratio: number;
  runs: number;
}

interface ExtractRow extends Measured {
  bench: "extract";
  case: string;
  clips: number;
  wall_s: number;
  decode_cpu_s: number;
  compute_cpu_s: number;
  overhead: number;
  peak_rss_mb: number;
  event_loop_p99_ms: number;
}

interface IndexRow extends Measured {
  bench: "index";
  rows: number;
  dim: number;
  open_ms: number;
  cold_query_ms: number;
  first_query_ms: number;
  query_ms: number;
  gigabytes_per_second: number;
}

const folder = fileURLToPath(new URL(".", import.meta.url));
const NAMES: Record<string, string> = {
  onnxruntime: "onnxruntime-node 1.30",
  "onnxruntime-f32": "onnxruntime-node 1.30, f32",
  torch: "PyTorch 2.13",
  "torch-compile": "PyTorch 2.13, compiled",
  tfjs_wasm: "tfjs-wasm 4.22",
  tfjs_cpu: "tfjs-cpu 4.22",
  tfjs_node: "tfjs-node",
  three_products: "its products alone",
};

const figure = (value: number) => (value < 100 ? value.toPrecision(3) : value.toFixed(0));

function table(head: string[], rows: string[][]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** Instruction sets from plain to wide; those that are not here are wider. */
const ISAS = ["portable", "avx2", "avx512"];
const width = ({ isa }: Measured) => (ISAS.includes(isa) ? ISAS.indexOf(isa) : ISAS.length);

/** The rows of a peer, one for each case: the last one of those with the widest instruction set. */
function chartRows(rows: Row[], peer: string): Row[] {
  const best = new Map<string, Row>();
  for (const row of rows.filter((other) => other.peer === peer)) {
    const before = best.get(row.case);
    if (!before || width(row) >= width(before)) best.set(row.case, row);
  }
  return [...best.values()];
}

/** A chart of the time of each peer relative to this package, case by case, in GitHub's syntax. */
function chart(title: string, rows: Row[]): string {
  const labels = rows.map((row) => `"${row.case.replace(/ 16x224x224| @.*/, "")}"`).join(", ");
  const most = Math.ceil(Math.max(...rows.map((row) => row.ratio)));
  return [
    "```mermaid",
    "xychart-beta",
    `  title "${title}: its time / ours"`,
    `  x-axis [${labels}]`,
    `  y-axis 0 --> ${most}`,
    `  bar [${rows.map((row) => row.ratio.toFixed(2)).join(", ")}]`,
    "```",
  ].join("\n");
}

/** The lines of the files `cpu-<processor>-<cores>-cores.jsonl` of a folder. */
function readLines(results: string): (Row | ExtractRow | IndexRow)[] {
  return readdirSync(results).flatMap((name) => {
    const [, cpu] = /^cpu-(.+)-\d+-cores\.jsonl$/.exec(name) ?? [];
    if (!cpu) return [];
    const lines = readFileSync(`${results}/${name}`, "utf8").trim().split("\n");
    return lines.map((line): Row | ExtractRow | IndexRow => ({ cpu, isa: "avx512", ...JSON.parse(line) }));
  });
}

/** The tables and charts of a folder of results. */
export function resultsText(results: string): string {
  const lines = readLines(results);
  // the last session of a case on a processor and an instruction set wins
  const caseOf = (row: (typeof lines)[number]) => {
    const where = `${row.cpu}, ${row.isa}`;
    if ("peer" in row) return `${row.case}, ${row.peer}, ${where}`;
    return `${"case" in row ? row.case : `index of ${row.rows} x ${row.dim}`}, ${where}`;
  };
  const last = [...new Map(lines.map((row) => [caseOf(row), row])).values()];
  const rows = last.filter((row) => "peer" in row);
  const whole = last.filter((row) => "clips" in row);
  const indexes = last.filter((row) => "query_ms" in row);
  const charts = ["onnxruntime", "torch", "torch-compile"]
    .map((peer) => ({ peer, shown: chartRows(rows, peer) }))
    .filter(({ shown }) => shown.length > 0)
    .map(({ peer, shown }) => chart(NAMES[peer], shown));
  return [
    table(
      ["case", "videoclip", "peer", "its time", "ratio", "runs", "CPU", "instruction set"],
      rows.map((row) => [
        row.case,
        figure(row.ours_ms),
        NAMES[row.peer] ?? row.peer,
        figure(row.peer_ms),
        row.ratio.toFixed(2),
        String(row.runs),
        row.cpu,
        row.isa,
      ]),
    ),
    ...charts,
    table(
      [
        "extract",
        "clips",
        "wall s",
        "CPU s decoding",
        "CPU s computing",
        "overhead",
        "peak RSS MB",
        "event loop p99 ms",
        "CPU",
        "instruction set",
      ],
      whole.map((row) => [
        row.case,
        String(row.clips),
        ...[row.wall_s, row.decode_cpu_s, row.compute_cpu_s].map(figure),
        row.overhead.toFixed(2),
        ...[row.peak_rss_mb, row.event_loop_p99_ms].map(figure),
        row.cpu,
        row.isa,
      ]),
    ),
    table(
      [
        "index, f16 rows",
        "open ms",
        "query from the disk ms",
        "first query ms",
        "query ms",
        "GB/s",
        "CPU",
        "instruction set",
      ],
      indexes.map((row) => [
        `${row.rows} x ${row.dim}`,
        ...[row.open_ms, row.cold_query_ms, row.first_query_ms, row.query_ms, row.gigabytes_per_second].map(figure),
        row.cpu,
        row.isa,
      ]),
    ),
  ].join("\n\n");
}

/** Replaces the text between the markers of README.md. */
export function report(): void {
  const text = resultsText(`${folder}results`);
  const path = `${folder}README.md`;
  const page = readFileSync(path, "utf8");
  writeFileSync(
    path,
    page.replace(
      /<!-- results -->[^]*<!-- end of results -->/,
      `<!-- results -->\n\n${text}\n\n<!-- end of results -->`,
    ),
  );
}
