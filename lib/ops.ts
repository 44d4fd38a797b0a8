/**
 * The kernels alone, on typed arrays: `import { conv3d } from 'videoclip/ops'`. Activations are channels-last
 * (`[N, T, H, W, C]` video, `[..., C]` rows), dense and row-major; weights have PyTorch's shapes. Every call is a program
 * of one instruction that runs off the event loop; programs are cached by shape.
 */
import { createDevice, type Device, type DeviceOptions } from "./device.js";
import { InvalidArgumentError } from "./errors.js";
import type { Triple } from "./graph/ops/index.js";
import * as definitions from "./graph/ops/index.js";
import { compile, type ProgramOutputs } from "./graph/program.js";
import { ProgramCache } from "./graph/program_cache.js";
import { type DType, elements, type OpDefinition } from "./graph/tensor.js";
import { applyOp, input, trace } from "./graph/trace.js";

export type { BinaryKind, PreprocessAttrs, Triple, UnaryKind } from "./graph/ops/index.js";

/** Values with their shape, dense and row-major. */
export interface NDArray<T = Float32Array> {
  data: T;
  shape: readonly number[];
  /** Default: f32, u8 and i32 by the kind of array; 16-bit values are float16. */
  dtype?: DType;
}

type AnyArray = NDArray<Float32Array | Uint8Array | Int32Array | Uint16Array>;

export interface CallOptions {
  signal?: AbortSignal;
}

let device: Device | undefined;
let options: DeviceOptions = {};
const programs = new ProgramCache(256 << 20);

/** Chooses the device for all later calls of this module; frees the one in use. */
export function configure(next: DeviceOptions): void {
  dispose();
  options = next;
}

/** Frees the device and its programs; the next call opens them again. */
export function dispose(): void {
  programs.clear();
  device?.dispose();
  device = undefined;
}

function dtypeOf({ data, dtype }: AnyArray): DType {
  if (dtype) return dtype;
  if (data instanceof Float32Array) return "f32";
  if (data instanceof Uint16Array) return "f16";
  return data instanceof Uint8Array ? "u8" : "i32";
}

/** Runs any op of the package once. @internal */
export async function runOp<A, R extends AnyArray[] = NDArray[]>(
  op: OpDefinition<A>,
  inputs: (AnyArray | null | undefined)[],
  attrs: A,
  call: CallOptions = {},
): Promise<R> {
  for (const [i, x] of inputs.entries()) {
    if (x && x.data.length !== elements(x.shape)) {
      throw new InvalidArgumentError(
        `${op.name}: argument ${i}: shape [${x.shape.join(", ")}] needs ${elements(x.shape)} values, received ${x.data.length}`,
        { op: op.name, expected: elements(x.shape), received: x.data.length },
      );
    }
  }
  device ??= createDevice(options);
  const on = device;
  const types = inputs.map((x) => (x ? `${dtypeOf(x)}[${x.shape.join()}]` : "-"));
  const program = programs.get(`${op.name} ${types.join(" ")} ${JSON.stringify(attrs)}`, () => {
    const graph = trace(() => {
      const tensors = inputs.map((x, i) => (x ? input(`x${i}`, x.shape, dtypeOf(x)) : null));
      return Object.fromEntries(applyOp(op, tensors, attrs).map((y, i) => [`y${i}`, y]));
    });
    return compile(graph, on);
  });
  const given = Object.fromEntries(inputs.flatMap((x, i) => (x ? [[`x${i}`, x.data]] : [])));
  const results = await program.run<ProgramOutputs>(given, call);
  return [...program.outputs].map(([name, tensor]) => ({
    data: results[name],
    shape: tensor.shape,
    dtype: tensor.dtype,
  })) as R;
}

const first = async (results: Promise<NDArray[]>): Promise<NDArray> => (await results)[0];

export interface Conv3dOptions extends CallOptions {
  bias?: NDArray;
  /** Added before the activation; shape of the output. */
  residual?: NDArray;
  stride?: Triple;
  /** Zero padding below (and above, unless `high` is given) T, H, W. */
  low?: Triple;
  high?: Triple;
  groups?: number;
  activation?: "none" | definitions.UnaryKind;
}

/** 3-D convolution. x `[N, T, H, W, Cin]`, weight `[Cout, Cin / groups, kT, kH, kW]` to `[N, T', H', W', Cout]`. */
export function conv3d(x: NDArray, weight: NDArray, o: Conv3dOptions = {}): Promise<NDArray> {
  const { bias, residual, signal, ...rest } = o;
  const [outChannels, , ...kernel] = weight.shape;
  const attrs = definitions.conv3dAttrs({ outChannels, kernel: kernel as unknown as Triple, ...rest });
  return first(runOp(definitions.conv3d, [x, weight, bias, residual, null], attrs, { signal }));
}

export interface PoolOptions extends CallOptions {
  kernel: Triple;
  stride?: Triple;
  low?: Triple;
  high?: Triple;
  /** Round sizes up, by PyTorch's rule. */
  ceil?: boolean;
}

const poolAttrs = ({ kernel, stride = kernel, low = [0, 0, 0], high = low, ceil = false }: PoolOptions) => ({
  kernel,
  stride,
  low,
  high,
  ceil,
});

/** Maximum over windows of `[N, T, H, W, C]`; padding counts as -inf, or as 0 with `padding: 'zero'`. */
export function maxPool3d(x: NDArray, o: PoolOptions & { padding?: "-inf" | "zero" }): Promise<NDArray> {
  return first(runOp(definitions.maxPool3d, [x], { ...poolAttrs(o), padding: o.padding ?? "-inf" }, o));
}

/** Mean over windows of `[N, T, H, W, C]`. */
export function avgPool3d(x: NDArray, o: PoolOptions & { countIncludePad?: boolean }): Promise<NDArray> {
  return first(runOp(definitions.avgPool3d, [x], { ...poolAttrs(o), countIncludePad: o.countIncludePad ?? true }, o));
}

/** Mean over all positions: `[N, ..., C]` to `[N, C]`. */
export const globalMean = (x: NDArray, o?: CallOptions): Promise<NDArray> =>
  first(runOp(definitions.globalMean, [x], {}, o));

/** y = activation(x Wᵀ + b): x `[..., in]`, weight `[out, in]`. */
export function linear(
  x: NDArray,
  weight: NDArray,
  o: CallOptions & { bias?: NDArray; activation?: "none" | definitions.UnaryKind } = {},
): Promise<NDArray> {
  const attrs = { outFeatures: weight.shape[0], activation: o.activation ?? "none" };
  return first(runOp(definitions.linear, [x, weight, o.bias], attrs, o));
}

/**
 * Products of a batch of matrices: a `[..., M, K]` and b `[..., K, N]`, or one b `[K, N]` for all, to `[..., M, N]`; either
 * may be stored with its last two axes swapped.
 * @throws ShapeError when b does not fit a
 */
export function matmul(
  a: NDArray,
  b: NDArray,
  o: CallOptions & { transposeA?: boolean; transposeB?: boolean } = {},
): Promise<NDArray> {
  const attrs = { transposeA: o.transposeA ?? false, transposeB: o.transposeB ?? false };
  return first(runOp(definitions.matmul, [a, b], attrs, o));
}

/** x sigmoid(W mean(x) + b): x `[N, ..., C]`, weight `[C, C]`, bias `[C]` (the self-gate of S3D-G). */
export async function selfGate(x: NDArray, weight: NDArray, bias: NDArray, o?: CallOptions): Promise<NDArray> {
  const gate = await linear(await globalMean(x, o), weight, { bias, activation: "sigmoid", ...o });
  return scaleChannels(x, gate, o);
}

/** y[n, ..., c] = x[n, ..., c] g[n, c]. */
export const scaleChannels = (x: NDArray, g: NDArray, o?: CallOptions): Promise<NDArray> =>
  first(runOp(definitions.scaleChannels, [x, g], {}, o));

/** relu, sigmoid, tanh, gelu, gelu_tanh, swish, exp or softplus of every element. */
export const unary = (x: NDArray, kind: definitions.UnaryKind, o?: CallOptions): Promise<NDArray> =>
  first(runOp(definitions.unary, [x], { kind }, o));

/** add, sub, mul, div or max with NumPy broadcasting. */
export const binary = (a: NDArray, b: NDArray, kind: definitions.BinaryKind, o?: CallOptions): Promise<NDArray> =>
  first(runOp(definitions.binary, [a, b], { kind }, o));

/** Softmax over the last axis, or its logarithm. */
export const softmax = (x: NDArray, o: CallOptions & { log?: boolean } = {}): Promise<NDArray> =>
  first(runOp(definitions.softmax, [x], { log: o.log ?? false }, o));

/** Joins arrays along `axis`. */
export const concat = (list: NDArray[], axis: number, o?: CallOptions): Promise<NDArray> =>
  first(runOp(definitions.concat, list, { axis }, o));

/** The block of `size` elements that begins at `start`. */
export const slice = (
  x: NDArray,
  start: readonly number[],
  size: readonly number[],
  o?: CallOptions,
): Promise<NDArray> => first(runOp(definitions.slice, [x], { start, size }, o));

/** Axis `i` of the result is axis `order[i]` of x, such as `[0, 2, 3, 4, 1]` from NCTHW to channels-last. */
export const permute = (x: NDArray, order: readonly number[], o?: CallOptions): Promise<NDArray> =>
  first(runOp(definitions.permute, [x], { order }, o));

/** 2x2x2 cells to channels: `[N, T, H, W, C]` to `[N, T/2, H/2, W/2, 8 C]`. */
export const spaceToDepth = (x: NDArray, o?: CallOptions): Promise<NDArray> =>
  first(runOp(definitions.spaceToDepth, [x], {}, o));

/** BatchNorm in inference: weight, bias, mean and variance `[C]`. */
export const batchNorm = (
  x: NDArray,
  p: { weight: NDArray; bias: NDArray; mean: NDArray; variance: NDArray },
  o: CallOptions & { eps: number; relu?: boolean },
): Promise<NDArray> =>
  first(runOp(definitions.batchNorm, [x, p.weight, p.bias, p.mean, p.variance], { eps: o.eps, relu: o.relu }, o));

/** u8 RGB frames `[N, T, H, W, 3]` to f32: crop, normalise, optionally 2x2x2 cells. */
export const preprocess = (
  x: NDArray<Uint8Array>,
  attrs: definitions.PreprocessAttrs,
  o?: CallOptions,
): Promise<NDArray> => first(runOp(definitions.preprocess, [x], attrs, o));

/** Rows of a table: ids i32 `[...]`, weight `[rows, C]` to `[..., C]`. */
export const embedding = (ids: NDArray<Int32Array>, weight: NDArray, o?: CallOptions): Promise<NDArray> =>
  first(runOp(definitions.embedding, [ids, weight], {}, o));

/**
 * Layer normalisation over the last axis of x, or of x + residual: x `[..., C]`, weight and bias `[C]`, residual like x.
 * @throws ShapeError when the others do not fit x
 */
export const layerNorm = (
  x: NDArray,
  o: CallOptions & { eps: number; weight?: NDArray; bias?: NDArray; residual?: NDArray },
): Promise<NDArray> => first(runOp(definitions.layerNorm, [x, o.weight, o.bias, o.residual], { eps: o.eps }, o));

export interface AttentionOptions extends CallOptions {
  heads: number;
  /** `[N, Sk]`: keys whose value is 0 are left out. */
  mask?: NDArray<Uint8Array | Float32Array>;
  /** Multiplies the scores. Default 1 / sqrt(head size). */
  scale?: number;
  /** Query i only sees keys j <= i + Sk - Sq. Default false. */
  causal?: boolean;
}

/**
 * Softmax attention over all heads: q `[N, Sq, heads HS]`, k and v `[N, Sk, heads HS]` to `[N, Sq, heads HS]`. A query that
 * sees no key gives zeros; keys left out do not change other results by a bit.
 * @throws ShapeError when k, v or the mask do not fit q, or the heads do not divide its channels
 */
export function attention(q: NDArray, k: NDArray, v: NDArray, o: AttentionOptions): Promise<NDArray> {
  const { heads, mask, causal = false } = o;
  const scale = o.scale ?? 1 / Math.sqrt(q.shape[q.shape.length - 1] / heads);
  return first(runOp(definitions.attention, [q, k, v, mask], { heads, scale, causal }, o));
}

export interface ContrastiveLossOptions extends CallOptions {
  /** Multiplies the dot products: 1 / temperature. Default 1. */
  scale?: number;
  /** The two directions' means are added (VideoCLIP; the default) or averaged (CLIP). */
  reduction?: "sum" | "mean";
  /** `[N]`: rows of one group are positives of each other. Default: row i of a and row i of b alone. */
  group?: NDArray<Int32Array>;
}

/**
 * Symmetric InfoNCE over the dot products of a `[N, D]` and b `[N, D]`, without storing them: the loss and the log-sum-exp
 * of every row and column `[N]`.
 * @throws ShapeError when b or the groups do not fit a
 */
export async function contrastiveLoss(
  a: NDArray,
  b: NDArray,
  o: ContrastiveLossOptions = {},
): Promise<{ loss: number; rows: NDArray; columns: NDArray }> {
  const attrs = { scale: o.scale ?? 1, reduction: o.reduction ?? "sum" };
  const [loss, rows, columns] = await runOp(definitions.contrastiveLoss, [a, b, o.group], attrs, o);
  return { loss: loss.data[0], rows, columns };
}

/**
 * The k rows with the largest dot product with each query, exactly: queries `[Q, D]`, rows `[M, D]` (f32, or the bits of
 * f16) to `[Q, k]`, best first, equal scores by rising index, NaN last; places beyond M hold -inf and -1.
 * @param o.base added to the indices; default 0
 * @throws ShapeError when the rows do not fit the queries or k is below 1
 */
export async function topK(
  queries: NDArray,
  rows: NDArray<Float32Array | Uint16Array>,
  o: CallOptions & { k: number; base?: number },
): Promise<{ values: NDArray; indices: NDArray<Int32Array> }> {
  const attrs = { k: o.k, base: o.base ?? 0 };
  const [values, indices] = await runOp<typeof attrs, [NDArray, NDArray<Int32Array>]>(
    definitions.topK,
    [queries, rows],
    attrs,
    o,
  );
  return { values, indices };
}
