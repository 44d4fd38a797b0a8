import type { ParameterStore } from "../../runtime/parameter_store.js";
import type { ProgramInputs } from "../../runtime/program.js";
import { dynamicUpdateSlice, embedding } from "../../ops/index.js";
import type { Tensor } from "../../graph/tensor.js";
import { applyOp, type Graph, input, parameter, scalar, trace, update } from "../../graph/trace.js";
import { reshape } from "../../nn/layers.js";
import type { NextTokens } from "./beam_search.js";
import { bucketOf, rowsFor } from "../buckets.js";
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

/** Runs the program with this name; `graph` is compiled on first use. */
export type RunProgram = (
  key: string,
  graph: () => Graph,
  inputs: ProgramInputs,
) => Promise<Record<string, Float32Array>>;

const scaleOf = (c: TransformerConfig) => Float32Array.of(c.scaleEmbedding ? Math.sqrt(c.width) : 1);

/** The state of a generation: keys and values `[rows, S, C]` of every layer, as parameters of the store. */
interface State {
  name: string;
  rows: number;
  S: number;
}

const stateKeys = ({ name, rows, S }: State, layer: number): [string, string] => [
  `${name}.${rows}x${S}.key.${layer}`,
  `${name}.${rows}x${S}.value.${layer}`,
];

/** A state as parameters of a graph. */
const stateOf = (state: State, c: TransformerConfig): KeyValue[] =>
  Array.from({ length: c.decoderLayers }, (_, i) => {
    const [key, value] = stateKeys(state, i).map((name) => parameter(name, [state.rows, state.S, c.width]));
    return { key, value };
  });

/** Allocates a state unless it exists. It is zeros, since masked values must not be NaN. */
function reserve(store: ParameterStore, state: State, c: TransformerConfig): void {
  const { rows, S } = state;
  for (let i = 0; i < c.decoderLayers; i++) {
    for (const key of stateKeys(state, i)) {
      if (!store.has(key)) store.set(key, [rows, S, c.width], new Float32Array(rows * S * c.width));
    }
  }
}

/** Rows of x `[N, S, C]` by index: i32 `[rows]` to `[rows, S, C]`. */
function gatherRows(x: Tensor, numbers: Tensor): Tensor {
  const [N, S, C] = x.shape;
  const [rows] = applyOp(embedding, [numbers, reshape(x, [N, S * C])], {});
  return reshape(rows, [numbers.shape[0], S, C]);
}

/** Rows f32 `[S, vocabulary]` of a source: one-hot, or weights of the embeddings of all tokens. */
export interface OneHotTokens {
  data: Float32Array;
  shape: readonly [number, number];
}

/** A source: ids of its tokens, or a one-hot row for each token. */
export type SourceTokens = readonly number[] | OneHotTokens;

/** Tokens of a source. */
export const sourceLength = (source: SourceTokens): number => ("shape" in source ? source.shape[0] : source.length);

/** The encoded sources: each layer's keys and values, in the store, and the mask of valid tokens. */
export interface Memory extends State {
  mask: Uint8Array;
}

/** Encodes sources, all as ids or all as one-hot rows; each becomes `beams` rows. Padding tokens have mask 0. */
export async function encodeSources(
  run: RunProgram,
  store: ParameterStore,
  sources: readonly SourceTokens[],
  beams: number,
  c: TransformerConfig,
): Promise<Memory> {
  const N = rowsFor(sources.length);
  const S = bucketOf(sources.reduce((n, source) => Math.max(n, sourceLength(source)), 1));
  const oneHot = "shape" in sources[0];
  const width = oneHot ? c.sourceVocabulary : 1;
  const ids = oneHot ? new Float32Array(N * S * width) : new Int32Array(N * S);
  const sourceMask = new Uint8Array(N * S);
  sources.forEach((source, n) => {
    ids.set("shape" in source ? source.data : source, n * S * width);
    sourceMask.fill(1, n * S, n * S + sourceLength(source));
  });
  const rows = rowsFor(sources.length * beams);
  const state = { name: "memory", rows, S };
  reserve(store, state, c);
  const graph = () =>
    trace(() => {
      const mask = input("mask", [N, S], "u8");
      const tokens = oneHot ? input("ids", [N, S, width]) : input("ids", [N, S], "i32");
      const x = embedTokens(tokens, input("scale", [1]), input("positions", [S, c.width]), c, "encoder");
      const keys = memoryKeys(transformerEncoder(x, mask, c), c);
      const sourceOf = input("sourceOf", [rows], "i32");
      stateOf(state, c).forEach(({ key, value }, i) => {
        update(key, gatherRows(keys[i].key, sourceOf));
        update(value, gatherRows(keys[i].value, sourceOf));
      });
      return {};
    });
  const positions = sinusoids(c.positions, S, c.width);
  const sourceOf = Int32Array.from({ length: rows }, (_, row) => Math.min(Math.floor(row / beams), sources.length - 1));
  const inputs = { ids, mask: sourceMask, scale: scaleOf(c), positions, sourceOf };
  await run(`encode ${N} ${S} ${rows} ${oneHot}`, graph, inputs);
  const mask = new Uint8Array(rows * S);
  sourceOf.forEach((n, row) => mask.set(sourceMask.subarray(n * S, (n + 1) * S), row * S));
  return { ...state, mask };
}

/** Ids of `count` rows, padded with 0. */
function padded(values: Int32Array, rows: number): Int32Array {
  const out = new Int32Array(rows);
  out.set(values);
  return out;
}

/** A decoder that computes every step from the whole prefix. It is slow, and the reference for the cache. */
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
        const keys = stateOf(memory, c);
        return { y: transformerDecoder(x, keys, input("memoryMask", [rows, S], "u8"), c).output };
      });
    const positions = sinusoids(c.positions, T, c.width);
    const { y } = await run(`decode ${rows} ${T} ${S}`, graph, {
      ids,
      scale: scaleOf(c),
      positions,
      memoryMask: memory.mask,
    });
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

/**
 * The program of one step: a token for each row at position `length`, whose keys and values are appended to the cache.
 */
function traceStep(memory: Memory, cache: State, c: TransformerConfig): Graph {
  const { rows, S } = memory;
  return trace(() => {
    const x = embedTokens(
      input("ids", [rows, 1], "i32"),
      input("scale", [1]),
      input("positions", [1, c.width]),
      c,
      "decoder",
    );
    const length = scalar("length", 1, "i32");
    const write = (past: Tensor, token: Tensor) => {
      const [whole] = applyOp(dynamicUpdateSlice, [past, token, length], {});
      update(past, whole);
      return whole;
    };
    const past = stateOf(cache, c);
    const join = (i: number, { key, value }: KeyValue): KeyValue => ({
      key: write(past[i].key, key),
      value: write(past[i].value, value),
    });
    const mask = input("mask", [rows, cache.S], "u8");
    const memoryMask = input("memoryMask", [rows, S], "u8");
    const { output } = transformerDecoder(x, stateOf(memory, c), memoryMask, c, { join, mask });
    return { y: nextToken(reshape(output, [rows, c.width]), c) };
  });
}

/** The program that reorders the rows of a cache: row i continues row `parents[i]`. */
function traceReorder(cache: State, c: TransformerConfig): Graph {
  return trace(() => {
    const parents = input("parents", [cache.rows], "i32");
    for (const { key, value } of stateOf(cache, c)) {
      update(key, gatherRows(key, parents));
      update(value, gatherRows(value, parents));
    }
    return {};
  });
}

/**
 * A decoder that computes every step from its token and the cached keys and values, which stay on the device. There is
 * one program for each bucket of `maxLength`, and one that reorders the rows when beams change.
 */
export function cachedDecoder(
  run: RunProgram,
  store: ParameterStore,
  memory: Memory,
  maxLength: number,
  c: TransformerConfig,
): NextTokens {
  const { rows, S } = memory;
  const T = bucketOf(maxLength);
  const cache = { name: "cache", rows, S: T };
  reserve(store, cache, c);
  const mask = new Uint8Array(rows * T);
  return async (tokens, parents, length) => {
    if (length > 0 && parents.some((from, row) => from !== row)) {
      await run(`reorder ${rows} ${T}`, () => traceReorder(cache, c), { parents: padded(parents, rows) });
    }
    for (let row = 0; row < rows; row++) mask[row * T + length] = 1;
    const { y } = await run(`step ${rows} ${T} ${S}`, () => traceStep(memory, cache, c), {
      ids: padded(tokens, rows),
      scale: scaleOf(c),
      positions: sinusoids(c.positions, 1, c.width, length),
      length,
      mask,
      memoryMask: memory.mask,
    });
    return y.subarray(0, tokens.length * c.targetVocabulary);
  };
}
