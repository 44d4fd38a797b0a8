// Measures one case on a GPU: random inputs in memory that runs read in place, and times by the GPU's clock.
import { optimize } from "../../dist/compile/passes/index.js";
import { type DType, elements, ITEM_SIZE } from "../../dist/graph/tensor.js";
import { type Graph, PARAMETER, trace } from "../../dist/graph/trace.js";
import { hashParameter } from "../../dist/nn/random_weights.js";
import { compile } from "../../dist/runtime/compile.js";
import type { Device } from "../../dist/runtime/device.js";
import type { Program } from "../../dist/runtime/program.js";
import { median } from "../harness/statistics.js";
import { costOf, type GpuCase } from "./cases.js";

type Data = Float32Array | Uint8Array | Uint16Array | Int32Array;

/** What is measured of a case. */
export interface Measurement {
  /** Median milliseconds of the kernels, launched one by one, without the conversion of the result to f32. */
  ms: number;
  /** Bytes that the case reads and writes at least. */
  bytes: number;
  flops: number;
  /**
   * Median milliseconds of the whole program as a CUDA graph, for networks. Their kernels are short, so the events between
   * them would count.
   */
  graph_ms?: number;
  /** Clips per second of consecutive whole runs, copies included. */
  clips_per_s?: number;
}

/** Number of random values that are drawn; longer arrays repeat them. */
const DRAWN = 1 << 20;
/** Runs that are in flight at a time when clips per second are measured. */
const IN_FLIGHT = 3;

/** Fills an array with random values, never zeros: zeros draw less power and run faster. Values repeat after `DRAWN`. */
function fillRandom(data: Data, dtype: DType): void {
  const drawn = Math.min(data.length, DRAWN);
  let state = 1;
  for (let i = 0; i < drawn; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    if (dtype === "u8") data[i] = state >>> 24;
    else if (dtype === "f32") data[i] = state / 2 ** 31 - 1;
    // bf16 and f16 between about 0.1 and 1, of either sign
    else data[i] = (state & 0x8000) | ((dtype === "bf16" ? 0x3e00 : 0x3000) + ((state >>> 20) & 0x7f));
  }
  for (let filled = drawn; filled > 0 && filled < data.length; filled *= 2) {
    data.copyWithin(filled, 0, Math.min(filled, data.length - filled));
  }
}

/** An array of `count` elements in memory of the device that a run reads and writes in place. */
function allocate(device: Device, dtype: DType, count: number): Data {
  const bytes = device.allocate(count * ITEM_SIZE[dtype], "u8");
  if (dtype === "u8") return bytes;
  const Kind = { f32: Float32Array, i32: Int32Array, bf16: Uint16Array, f16: Uint16Array }[dtype];
  return new Kind(bytes.buffer as ArrayBuffer, bytes.byteOffset, count);
}

function setParameters(device: Device, graph: Graph): void {
  for (const { op, attrs, outputs } of graph.nodes) {
    if (op !== PARAMETER) continue;
    const [{ shape, dtype }] = outputs;
    const key = attrs.key as string;
    const count = elements(shape);
    if (dtype === "f32" && count <= DRAWN) {
      device.parameters.set(key, shape, hashParameter("gpu/", key, shape));
      continue;
    }
    const data = dtype === "f16" ? new Uint16Array(count) : new Float32Array(count);
    fillRandom(data, dtype);
    device.parameters.set(key, shape, data);
  }
}

/**
 * Clips per second of `runs` whole runs, of which a few are in flight at a time. The runs before them, in which the graphs of the program are
 * made, are not counted.
 */
async function throughput(
  program: Program,
  inputs: Record<string, Data>,
  clips: number,
  runs: number,
): Promise<number> {
  const submit = async (count: number) => {
    let left = count;
    const lane = async () => {
      while (left-- > 0) await program.run(inputs);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  };
  await submit(2 * IN_FLIGHT);
  const begin = performance.now();
  await submit(runs);
  return (clips * runs * 1e3) / (performance.now() - begin);
}

/**
 * Measures a case: median of `runs` runs after three others.
 * @throws VideoClipError of the device
 */
export async function measure(c: GpuCase, device: Device, runs: number): Promise<Measurement> {
  let cost = { bytes: 0, flops: 0 };
  const graph = trace(() => {
    const outputs = c.build();
    cost = costOf(outputs);
    return outputs;
  });
  setParameters(device, graph);
  const program = compile(optimize(graph), device);
  try {
    const inputs: Record<string, Data> = {};
    for (const [name, { shape, dtype }] of program.inputs) {
      inputs[name] = allocate(device, dtype, elements(shape));
      fillRandom(inputs[name], dtype);
    }
    const outputs = Object.fromEntries(
      [...program.outputs].map(([name, { shape, dtype }]) => [name, allocate(device, dtype, elements(shape))]),
    );
    const times: number[] = [];
    for (let i = 0; i < runs + 3; i++) {
      const instructions = await program.profile(inputs, { outputs: outputs as never });
      // Outputs of programs are f32, whatever the storage: the conversion is not a part of the case.
      const kernels = instructions.filter(({ op }) => op !== "cast");
      if (i >= 3) times.push(kernels.reduce((sum, { ms }) => sum + ms, 0));
    }
    const row: Measurement = { ms: median(times), ...cost };
    if (c.clips) {
      const graphs: number[] = [];
      for (let i = 0; i < runs + 3; i++) {
        const ms = await program.time(inputs, { outputs: outputs as never });
        if (i >= 3) graphs.push(ms);
      }
      row.graph_ms = median(graphs);
      row.clips_per_s = await throughput(program, inputs, c.clips, 3 * runs);
    }
    return row;
  } finally {
    program.dispose();
    device.parameters.clear();
  }
}
