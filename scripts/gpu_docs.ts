// Writes the tables of kernels in docs/gpu.md: npm run docs:gpu (needs nvcc and a test build). Registers are those of
// the build; grids are those of S3D-G at the batch of a large GPU, recorded on the emulator without executing them; bytes
// and operations follow from the shapes.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { optimize } from "../lib/compile/passes/index.js";
import { ITEM_SIZE, elements, type Node, type TensorType } from "../lib/graph/tensor.js";
import { type Graph, input, trace } from "../lib/graph/trace.js";
import { loadParameters, parametersOf } from "../lib/models/parameters.js";
import { S3DG, s3dFeatures, s3dgHead } from "../lib/models/video/s3d.js";
import { preprocess } from "../lib/nn/layers.js";
import { loadAddon } from "../lib/runtime/binding.js";
import { compile } from "../lib/runtime/compile.js";
import { createDevice } from "../lib/runtime/device.js";
import { resolvePreset } from "../lib/video/presets.js";
import { type CompiledKernel, compiledFor } from "./gpu/ptxas_log.js";

const PAGE = new URL("../docs/gpu.md", import.meta.url);
export const LOGS = fileURLToPath(new URL("../build/device_code", import.meta.url));
const [BEGIN, END] = ["<!-- kernels: written by npm run docs:gpu -->", "<!-- end of kernels -->"];

/** An H200: NVIDIA's data sheet, and the tables of compute capability 9.0 in the CUDA C++ Programming Guide. */
const H200 = {
  multiprocessors: 132,
  bytesPerSecond: 4.8e12,
  flopsPerSecond: 989e12,
  registers: 65536,
  warps: 64,
  blocks: 32,
  sharedBytes: 228 * 1024,
  sharedPerBlock: 227 * 1024,
};
const CLIPS = 32;

/** Blocks of a kernel that fit a multiprocessor at once. */
export function blocksPerMultiprocessor(registers: number, threads: number, sharedBytes: number): number {
  const warps = Math.ceil(threads / 32);
  // registers are given out in units of 256 per warp, by four schedulers with a quarter each
  const perScheduler = Math.floor(H200.registers / 4 / (Math.ceil((registers * 32) / 256) * 256));
  const shared = Math.ceil(sharedBytes / 128) * 128 + 1024; // 1 KiB per block is the system's
  return Math.min(
    H200.blocks,
    Math.floor(H200.warps / warps),
    Math.floor((4 * perScheduler) / warps),
    Math.floor(H200.sharedBytes / shared),
  );
}

/** The share of the floor that an op is expected to reach, from the instructions of its kernels. */
const EXPECTED: readonly [ops: string, share: string, why: string][] = [
  [
    "`conv3d`, `conv3d_sums`, `linear`",
    "0.5 to 0.65",
    "the products of a block pause during its epilogue, and a block is alone on its multiprocessor; small layers have fewer tiles than there are multiprocessors",
  ],
  ["`max_pool3d`", "0.5 to 0.65", "bound by memory; windows overlap, and L1 serves the repeated reads"],
  ["`preprocess`, `scale_channels`, `global_mean`, `cast`", "0.65 to 0.8", "bound by memory"],
  ["`gates_of_sums`", "below 0.1", "bound by latency: less work than a GPU needs to be busy"],
];

interface Row {
  kernel: string;
  op: string;
  registers: number;
  threads: number;
  sharedBytes: number[];
  launches: number;
  blocks: number[];
  bytes: number;
  flops: number;
  floor: number;
}

const bytesOf = (types: readonly (TensorType | null)[]): number =>
  types.reduce((sum, type) => sum + (type ? elements(type.shape) * ITEM_SIZE[type.dtype] : 0), 0);

/** The name of a kernel without namespaces and parameters. */
const shortName = (name: string): string =>
  name
    .replace(/\(anonymous namespace\)::/g, "")
    .replace(/^void /, "")
    .replace(/\(.*\)$/s, "")
    .replace(/videoclip::(emulated|cuda)::/g, "")
    .replace(/\b(\w+_op|gemm)::/g, "")
    .replace(/\((?:int|bool|unsigned int|[A-Za-z:_]+)\)(?=-?\d)/g, "")
    .replace(/\b(true|1u)\b/g, "1")
    .replace(/\b(false|0u)\b/g, "0")
    .replace(/> >/g, ">>")
    .replace(/\s*,\s*/g, ", ");

/** The launches of S3D-G in their order, each with the node of the graph that it computes. */
async function launchesOfS3dg() {
  const { emulator } = loadAddon().addon;
  if (!emulator) throw new Error("docs:gpu needs the emulator: npm run build");
  emulator.setHopper(true, H200.multiprocessors);
  emulator.setRecording(true);
  const device = createDevice({ device: "cuda-emulated", precision: "bf16" });
  const { frames, resize: _, crop, mean, std } = resolvePreset("s3dg");
  const size = { top: 0, left: 0, height: crop, width: crop, spaceToDepth: true };
  const graph: Graph = trace(() => {
    const video = preprocess(input("x", [CLIPS, frames, crop, crop, 3], "u8"), { mean, std, ...size });
    return { y: s3dgHead(s3dFeatures(video, S3DG, true)).video_embedding };
  });
  await loadParameters(device.parameters, parametersOf(graph), { model: "s3dg", randomWeights: 1, ignored: /^/ });
  const program = compile(optimize(graph), device);
  const inputs = { x: new Uint8Array(elements([...graph.inputs.values()][0].shape)) };
  await program.run(inputs); // converts the weights too
  emulator.takeLaunches();
  await program.run(inputs);
  const launches = emulator.takeLaunches();
  const { instructions } = program;
  program.dispose();
  device.dispose();
  emulator.setRecording(false);
  emulator.setHopper(false);
  return { launches, nodes: nodesOf(graph, instructions) };
}

/** The node of each instruction. */
function nodesOf(graph: Graph, instructions: readonly { op: string; layer: string }[]): Node[] {
  const left = [...graph.nodes];
  return instructions.map(({ op, layer }) => {
    const at = left.findIndex((node) => node.op.name === op && node.layer === layer);
    if (at < 0) throw new Error(`no node of ${op} ${layer}`);
    return left.splice(at, 1)[0];
  });
}

/** One row per kernel, in the order of the network. */
async function rowsOf(compiled: readonly CompiledKernel[]): Promise<{ rows: Row[]; launches: number }> {
  const registers = new Map(compiled.map((each) => [shortName(each.kernel), each.registers]));
  const { launches, nodes } = await launchesOfS3dg();
  const rows = new Map<string, Row>();
  let at = 0;
  for (const node of nodes) {
    let isFirst = true;
    // an op may have several launches: a second one of the same op with another kernel belongs to the same node
    do {
      const launch = launches[at++];
      if (launch?.op !== node.op.name) throw new Error(`${node.op.name}: the launch is of ${launch?.op}`);
      const kernel = shortName(launch.kernel);
      const key = `${kernel} ${launch.threads}`;
      const found = registers.get(kernel);
      if (found === undefined) throw new Error(`${kernel}: no such kernel in ${LOGS}`);
      const row = rows.get(key) ?? {
        ...{ kernel, op: launch.op, registers: found, threads: launch.threads, sharedBytes: [] as number[] },
        ...{ launches: 0, blocks: [], bytes: 0, flops: 0, floor: 0 },
      };
      rows.set(key, row);
      row.launches++;
      row.sharedBytes.push(launch.sharedBytes);
      row.blocks.push(launch.blocks);
      if (isFirst) {
        const bytes = bytesOf(node.inputs) + bytesOf(node.outputs);
        const flops = 2 * (node.op.multiplyAdds?.(node.inputs, node.outputs, node.attrs as never) ?? 0);
        row.bytes += bytes;
        row.flops += flops;
        row.floor += Math.max(bytes / H200.bytesPerSecond, flops / H200.flopsPerSecond);
      }
      isFirst = false;
    } while (at < launches.length && launches[at].op === node.op.name && isContinued(launches[at - 1], launches[at]));
  }
  if (at !== launches.length) throw new Error(`${launches.length - at} launches are of no node`);
  return { rows: [...rows.values()], launches: launches.length };
}

const isContinued = (before: { kernel: string }, next: { kernel: string }): boolean =>
  /partial/.test(before.kernel) && /finish/.test(next.kernel);

const round = (value: number, digits: number): string => value.toFixed(digits);

/** The least and the most of some values. */
function range(values: readonly number[], digits: number): string {
  const [least, most] = [round(Math.min(...values), digits), round(Math.max(...values), digits)];
  return least === most ? most : `${least} to ${most}`;
}

/** The version of the compiler, which decides the number of registers. */
export function nvccVersion(): string | undefined {
  const { stdout } = spawnSync("nvcc", ["--version"], { encoding: "utf8" });
  return /V(\d+\.\d+\.\d+)/.exec(stdout ?? "")?.[1];
}

/** The tables as Markdown. */
export async function kernelTables(): Promise<string> {
  const compiled = compiledFor(LOGS, "sm_90a");
  const { rows, launches } = await rowsOf(compiled);
  const lines = rows.map((row) => {
    const perMultiprocessor = row.sharedBytes.map((bytes) =>
      blocksPerMultiprocessor(row.registers, row.threads, bytes),
    );
    const waves = row.blocks.map((blocks, i) => blocks / (perMultiprocessor[i] * H200.multiprocessors));
    const cells = [
      `\`${row.op}\``,
      `\`${row.kernel}\``,
      row.launches,
      row.registers,
      row.threads,
      range(
        row.sharedBytes.map((bytes) => bytes / 1024),
        1,
      ),
      range(perMultiprocessor, 0),
      range(waves, 1),
      round(row.bytes / 1e6, 0),
      round(row.flops / 1e9, 1),
      round(row.floor * 1e6, 0),
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const floor = rows.reduce((sum, row) => sum + row.floor, 0);
  const families = new Map<string, CompiledKernel[]>();
  for (const each of compiled) {
    const family = shortName(each.kernel).replace(/<.*/s, "");
    families.set(family, [...(families.get(family) ?? []), each]);
  }
  const others = [...families]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([family, instances]) => {
      const counts = instances.map(({ registers }) => registers);
      return `| \`${family}\` | ${instances.length} | ${range(counts, 0)} |`;
    });
  return [
    `S3D-G in bf16, ${CLIPS} clips of the preset \`s3dg\`: ${launches} launches, a floor of ${round(floor * 1e3, 1)} ms. nvcc ${nvccVersion()}.`,
    "",
    "| op | kernel | launches | registers | threads | shared KiB | blocks per SM | waves | MB | GFLOP | floor µs |",
    "|---|---|---|---|---|---|---|---|---|---|---|",
    ...lines,
    "",
    "| op | expected share of the floor | why |",
    "|---|---|---|",
    ...EXPECTED.map((cells) => `| ${cells.join(" | ")} |`),
    "",
    "All kernels, compiled for compute capability 9.0:",
    "",
    "| kernel | instances | registers |",
    "|---|---|---|",
    ...others,
  ].join("\n");
}

/** The page with new tables. */
export function withTables(page: string, tables: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/gpu.md: the markers ${BEGIN} and ${END} are missing`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${tables}\n\n${page.slice(end)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!existsSync(LOGS)) throw new Error("docs:gpu needs a build with nvcc: npm run build");
  writeFileSync(PAGE, withTables(readFileSync(PAGE, "utf8"), await kernelTables()));
}
