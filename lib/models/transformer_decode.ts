import type { Device } from "../device.js";
import type { ProgramInputs } from "../graph/program.js";
import type { Tensor } from "../graph/tensor.js";
import { type Graph, input, trace } from "../graph/trace.js";
import { reshape } from "../nn/layers.js";
import type { NextTokens } from "./beam_search.js";
import { sinusoids } from "./sinusoid.js";
import {
  embedTokens,
  type KeyValue,
  memoryKeys,
  nextToken,
  transformerDecoder,
  transformerEncoder,
  type TransformerConfig,
} from "./transformer.js";

/** Runs the program of that name, compiled from `graph` when it is new. */
export type RunProgram = (
  key: string,
  graph: () => Graph,
  inputs: ProgramInputs,
) => Promise<Record<string, Float32Array>>;

/** Sequence lengths that programs are made for. */
export const bucketOf = (length: number): number => {
  const found = [16, 32, 64, 96, 128, 256, 512].find((size) => size >= length);
  return found ?? 512 * Math.ceil(length / 512);
};

const scaleOf = (c: TransformerConfig) => Float32Array.of(c.scaleEmbedding ? Math.sqrt(c.width) : 1);

/** Keys and values of `layers` layers as inputs `<name>.key.<i>` and `<name>.value.<i>`, each of this shape. */
const keyInputs = (name: string, layers: number, shape: readonly number[]): KeyValue[] =>
  Array.from({ length: layers }, (_, i) => ({
    key: input(`${name}.key.${i}`, shape),
    value: input(`${name}.value.${i}`, shape),
  }));

/** ... and as outputs. */
const keyOutputs = (name: string, layers: readonly KeyValue[]): Record<string, Tensor> =>
  Object.fromEntries(
    layers.flatMap(({ key, value }, i) => [
      [`${name}.key.${i}`, key],
      [`${name}.value.${i}`, value],
    ]),
  );

/** The sources as the decoder needs them: each layer's keys and values `[rows, S, C]`, and which tokens there are. */
export interface Memory {
  rows: number;
  S: number;
  keys: Record<string, Float32Array>;
  mask: Uint8Array;
}

/** Rows f32 `[S, vocabulary]` of a source: one-hot, or weights of the embeddings of all tokens. */
export interface OneHotTokens {
  data: Float32Array;
  shape: readonly [number, number];
}

/** A source: ids of its tokens, or a one-hot row for each. */
export type SourceTokens = readonly number[] | OneHotTokens;

/** Tokens of a source. */
export const sourceLength = (source: SourceTokens): number => ("shape" in source ? source.shape[0] : source.length);

/** Encodes sources, all ids or all one-hot; each becomes `beams` rows. Padding tokens are 0: they are left out. */
export async function encodeSources(
  run: RunProgram,
  device: Device,
  sources: readonly SourceTokens[],
  beams: number,
  c: TransformerConfig,
): Promise<Memory> {
  const N = 2 ** Math.ceil(Math.log2(sources.length));
  const S = bucketOf(sources.reduce((n, source) => Math.max(n, sourceLength(source)), 1));
  const oneHot = "shape" in sources[0];
  const width = oneHot ? c.sourceVocabulary : 1;
  const ids = oneHot ? new Float32Array(N * S * width) : new Int32Array(N * S);
  const sourceMask = new Uint8Array(N * S);
  sources.forEach((source, n) => {
    ids.set("shape" in source ? source.data : source, n * S * width);
    sourceMask.fill(1, n * S, n * S + sourceLength(source));
  });
  const graph = () =>
    trace(() => {
      const mask = input("mask", [N, S], "u8");
      const tokens = oneHot ? input("ids", [N, S, width]) : input("ids", [N, S], "i32");
      const x = embedTokens(tokens, input("scale", [1]), input("positions", [S, c.width]), c, "encoder");
      return keyOutputs("memory", memoryKeys(transformerEncoder(x, mask, c), c));
    });
  const positions = sinusoids(c.positions, S, c.width);
  const encoded = await run(`encode ${N} ${S} ${oneHot}`, graph, {
    ids,
    mask: sourceMask,
    scale: scaleOf(c),
    positions,
  });
  const rows = 2 ** Math.ceil(Math.log2(sources.length * beams));
  const mask = new Uint8Array(rows * S);
  const repeat = <A extends Float32Array | Uint8Array>(from: A, to: A, size: number) => {
    for (let row = 0; row < sources.length * beams; row++) {
      const n = Math.floor(row / beams);
      to.set(from.subarray(n * size, (n + 1) * size), row * size);
    }
    return to;
  };
  const keys = Object.entries(encoded).map(([name, values]) => [
    name,
    repeat(values, device.allocate(rows * S * c.width), S * c.width),
  ]);
  return { rows, S, keys: Object.fromEntries(keys), mask: repeat(sourceMask, mask, S) };
}

/** Ids of `count` rows, and 0 for those that only fill the program. */
function padded(values: Int32Array, rows: number): Int32Array {
  const out = new Int32Array(rows);
  out.set(values);
  return out;
}

/** Computes every step from the whole prefix: slow, and what the cache is compared with. */
export function plainDecoder(run: RunProgram, memory: Memory, c: TransformerConfig): NextTokens {
  const { rows, S } = memory;
  let prefixes: number[][] = [];
  return async (tokens, parents, length) => {
    prefixes = Array.from(tokens, (token, row) => [...(length > 0 ? prefixes[parents[row]] : []), token]);
    const T = bucketOf(length + 1);
    const ids = new Int32Array(rows * T);
    prefixes.forEach((prefix, row) => ids.set(prefix, row * T));
    const graph = () =>
      trace(() => {
        const target = input("ids", [rows, T], "i32");
        const x = embedTokens(target, input("scale", [1]), input("positions", [T, c.width]), c, "decoder");
        const keys = keyInputs("memory", c.decoderLayers, [rows, S, c.width]);
        return { y: transformerDecoder(x, keys, input("memoryMask", [rows, S], "u8"), c).output };
      });
    const positions = sinusoids(c.positions, T, c.width);
    const inputs = { ids, scale: scaleOf(c), positions, ...memory.keys, memoryMask: memory.mask };
    const { y } = await run(`decode ${rows} ${T} ${S}`, graph, inputs);
    const x = new Float32Array(rows * c.width);
    for (let row = 0; row < rows; row++) {
      const at = (row * T + length) * c.width;
      x.set(y.subarray(at, at + c.width), row * c.width);
    }
    const project = () => trace(() => ({ y: nextToken(input("x", [rows, c.width]), c) }));
    const scores = await run(`project ${rows}`, project, { x });
    return scores.y.subarray(0, tokens.length * c.targetVocabulary);
  };
}

/** The program of one step: a token for each row, keys and values of up to T tokens before it. */
function traceStep(rows: number, T: number, S: number, c: TransformerConfig): Graph {
  return trace(() => {
    const x = embedTokens(
      input("ids", [rows, 1], "i32"),
      input("scale", [1]),
      input("positions", [1, c.width]),
      c,
      "decoder",
    );
    const keys = keyInputs("memory", c.decoderLayers, [rows, S, c.width]);
    const past = keyInputs("past", c.decoderLayers, [rows, T, c.width]);
    const mask = input("pastMask", [rows, T + 1], "u8");
    const { output, present } = transformerDecoder(x, keys, input("memoryMask", [rows, S], "u8"), c, { past, mask });
    return { y: nextToken(reshape(output, [rows, c.width]), c), ...keyOutputs("present", present) };
  });
}

/**
 * Computes every step from its own token and the keys and values of those before it. There is one program for each bucket of
 * lengths. The cache lies in memory that the device reads in place, where it can.
 */
export function cachedDecoder(run: RunProgram, device: Device, memory: Memory, c: TransformerConfig): NextTokens {
  const { rows, S } = memory;
  const names = Array.from({ length: c.decoderLayers }, (_, i) => [`key.${i}`, `value.${i}`]).flat();
  let T = 0;
  let cache: Record<string, Float32Array> = {};
  /** Moves the cache's first `length` tokens to another bucket or another order of rows. */
  const move = (size: number, length: number, parents: Int32Array) => {
    const moved = names.map((name) => {
      const to = device.allocate(rows * size * c.width);
      for (let row = 0; row < parents.length && length > 0; row++) {
        const at = parents[row] * T * c.width;
        to.set(cache[`past.${name}`].subarray(at, at + length * c.width), row * size * c.width);
      }
      return [`past.${name}`, to];
    });
    cache = Object.fromEntries(moved);
    T = size;
  };
  return async (tokens, parents, length) => {
    const size = bucketOf(Math.max(length, 1));
    if (size !== T || parents.some((from, row) => from !== row)) move(size, length, parents);
    const pastMask = new Uint8Array(rows * (T + 1));
    for (let row = 0; row < rows; row++) {
      pastMask.fill(1, row * (T + 1), row * (T + 1) + length);
      pastMask[(row + 1) * (T + 1) - 1] = 1;
    }
    const { y, ...present } = await run(`step ${rows} ${T} ${S}`, () => traceStep(rows, T, S, c), {
      ids: padded(tokens, rows),
      scale: scaleOf(c),
      positions: sinusoids(c.positions, 1, c.width, length),
      pastMask,
      memoryMask: memory.mask,
      ...memory.keys,
      ...cache,
    });
    // a step at the end of a bucket has no room for itself: the next one moves the cache
    if (length === T)
      move(
        bucketOf(T + 1),
        length,
        Int32Array.from({ length: rows }, (_, row) => row),
      );
    for (const name of names) {
      for (let row = 0; row < rows; row++) {
        const from = present[`present.${name}`].subarray(row * c.width, (row + 1) * c.width);
        cache[`past.${name}`].set(from, (row * T + length) * c.width);
      }
    }
    return y.subarray(0, tokens.length * c.targetVocabulary);
  };
}
