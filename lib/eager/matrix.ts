import { checkOperand, misfit } from "../graph/operands.js";
import {
  embedding as embeddingDefinition,
  linear as linearDefinition,
  matmul as matmulDefinition,
  topK as topKDefinition,
  type UnaryKind,
} from "../ops/index.js";
import type { Floats } from "./array_types.js";
import { type Operand, readOperand, readOptional } from "./operand.js";
import { type CallOptions, type OutOptions, readOptions } from "./options.js";
import type { Result } from "./result.js";
import { only, runDefinition } from "./run.js";

export interface LinearOptions extends OutOptions {
  /** `[out]`, f32. */
  bias?: Operand | null | undefined;
  /** Activation of the result. Default `none`. */
  activation?: "none" | UnaryKind | undefined;
}

/**
 * activation(x Wᵀ + b).
 * @param x floats `[..., in]`
 * @param weight floats `[out, in]` (PyTorch's; the kernel of a dense layer of TensorFlow is `[in, out]`: use `matmul`)
 * @returns `[..., out]` of x's dtype
 */
export async function linear(x: Operand, weight: Operand, options?: LinearOptions): Promise<Result> {
  const o = readOptions("linear", options, ["bias", "activation", "signal", "out"]);
  const operands = {
    x: readOperand("linear", "x", x),
    weight: readOperand("linear", "weight", weight),
    bias: readOptional("linear", "bias", o.bias),
  };
  const [outFeatures] = checkOperand("linear", "weight", operands.weight, ["out", "in"]).shape;
  const attrs = { outFeatures, activation: o.activation === undefined ? ("none" as const) : o.activation };
  return only(runDefinition(linearDefinition, operands, attrs, { signal: o.signal, out: [o.out] }));
}

export interface MatmulOptions extends OutOptions {
  /** a is stored `[..., K, M]`. Default false. */
  transposeA?: boolean | undefined;
  /** b is stored `[..., N, K]`. Default false. */
  transposeB?: boolean | undefined;
}

/**
 * Products of a batch of matrices.
 * @param a floats `[..., M, K]`
 * @param b of a's dtype, `[..., K, N]` with a's first axes, or one `[K, N]` for all
 * @returns `[..., M, N]` of a's dtype
 */
export async function matmul(a: Operand, b: Operand, options?: MatmulOptions): Promise<Result> {
  const o = readOptions("matmul", options, ["transposeA", "transposeB", "signal", "out"]);
  const { transposeA = false, transposeB = false, signal, out } = o;
  const operands = { a: readOperand("matmul", "a", a), b: readOperand("matmul", "b", b) };
  return only(runDefinition(matmulDefinition, operands, { transposeA, transposeB }, { signal, out: [out] }));
}

/**
 * Rows of a table (`gather` of other libraries).
 * @param ids i32 `[...]`, each from 0 to below rows
 * @param weight floats `[rows, C]`
 * @returns `[..., C]` of the weight's dtype
 * @throws InvalidArgumentError with the first id outside the table and its position
 */
export async function embedding(ids: Operand<Int32Array>, weight: Operand, options?: OutOptions): Promise<Result> {
  const { signal, out } = readOptions("embedding", options, ["signal", "out"]);
  const operands = { ids: readOperand("embedding", "ids", ids), weight: readOperand("embedding", "weight", weight) };
  checkOperand("embedding", "ids", operands.ids, ["..."], ["i32"]);
  const [rows] = checkOperand("embedding", "weight", operands.weight, ["rows", "C"]).shape;
  const at = operands.ids.data.findIndex((id) => id < 0 || id >= rows);
  if (at >= 0) throw misfit("embedding", `ids[${at}]`, `an id below the table's ${rows} rows`, operands.ids.data[at]);
  return only(runDefinition(embeddingDefinition, operands, {}, { signal, out: [out] }));
}

export interface TopKOptions extends CallOptions {
  /** Number of rows for each query, at least 1. */
  k: number;
  /** Added to the indices, if the rows are a part of a larger matrix. Default 0. */
  base?: number | undefined;
  /** Arrays for the results. */
  out?: { values?: Float32Array | undefined; indices?: Int32Array | undefined } | undefined;
}

/**
 * The k rows with the largest dot product with each query, exactly.
 * @param queries f32 `[Q, D]`
 * @param rows f32 or the bits of f16 `[M, D]`
 * @returns values f32 and indices i32, `[Q, k]`: best first, equal scores by rising index, NaN last; entries beyond M
 * are -inf and -1
 * @throws ShapeError when the rows do not fit the queries or k is below 1
 */
export async function topK(
  queries: Operand,
  rows: Operand<Floats>,
  options: TopKOptions,
): Promise<{ values: Result; indices: Result<Int32Array> }> {
  const o = readOptions("topK", options, ["k", "base", "signal", "out"]);
  const out = readOptions("topK", o.out, ["values", "indices"], "out");
  const attrs = { k: o.k, base: o.base === undefined ? 0 : o.base };
  const operands = { queries: readOperand("topK", "queries", queries), rows: readOperand("topK", "rows", rows) };
  const callOptions = { signal: o.signal, out: [out.values, out.indices] };
  const [values, indices] = await runDefinition(topKDefinition, operands, attrs, callOptions);
  return { values: values as Result, indices: indices as Result<Int32Array> };
}
