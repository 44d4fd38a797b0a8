import { layout } from "../../graph/attribute_layout.js";
import type { OnnxEmitter, OnnxNode } from "../../graph/onnx_emitter.js";
import { checkOperand, operandError } from "../../graph/operands.js";
import { flag } from "../../graph/rules.js";
import {
  type Array64,
  defineOp,
  elements,
  type GradientNode,
  sameShape,
  type Tensor,
  type TensorType,
} from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { permute } from "../layout/permute.js";
import { reshape } from "../layout/reshape.js";

export interface MatmulAttrs {
  /** a is stored `[..., K, M]`. */
  transposeA: boolean;
  /** b is stored `[..., N, K]`. */
  transposeB: boolean;
}

/** `[rows, columns]` of the last two axes, after transposition. */
function sides(x: { shape: readonly number[] }, transposed: boolean): [number, number] {
  const [rows, columns] = x.shape.slice(-2);
  return transposed ? [columns, rows] : [rows, columns];
}

function shape([a, b]: (TensorType | null)[], { transposeA, transposeB }: MatmulAttrs): TensorType[] {
  const { shape: size, dtype } = checkOperand("matmul", "a", a, [
    "...",
    transposeA ? "K" : "M",
    transposeA ? "M" : "K",
  ]);
  const [M, K] = sides(a!, transposeA);
  const batch = size.slice(0, -2);
  checkOperand("matmul", "b", b, ["..."], [dtype]);
  const fits = b!.shape.length === 2 || sameShape(b!.shape.slice(0, -2), batch);
  if (!fits || b!.shape.length < 2 || sides(b!, transposeB)[0] !== K) {
    const want = transposeB ? `N, ${K}` : `${K}, N`;
    const wide = batch.length > 0 ? `[${[...batch, want].join(", ")}] or ` : "";
    throw operandError("matmul", "b", b, `${wide}[${want}] for a [${size.join(", ")}]`);
  }
  return [{ shape: [...batch, M, sides(b!, transposeB)[1]], dtype }];
}

function reference([a, b]: (Array64 | null)[], { transposeA, transposeB }: MatmulAttrs): Array64[] {
  const [M, K] = sides(a!, transposeA);
  const N = sides(b!, transposeB)[1];
  const batch = a!.shape.slice(0, -2);
  const data = new Float64Array(elements(batch) * M * N);
  for (let at = 0, n = 0; n < elements(batch); n++) {
    const firstA = n * M * K;
    const firstB = b!.shape.length > 2 ? n * K * N : 0;
    for (let i = 0; i < M; i++) {
      for (let j = 0; j < N; j++, at++) {
        for (let k = 0; k < K; k++) {
          const x = a!.data[firstA + (transposeA ? k * M + i : i * K + k)];
          data[at] += x * b!.data[firstB + (transposeB ? j * K + k : k * N + j)];
        }
      }
    }
  }
  return [{ shape: [...batch, M, N], data }];
}

const multiply = (a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor =>
  applyOp(matmul, [a, b], { transposeA, transposeB })[0];

/** The last two axes of x swapped. */
function swapped(x: Tensor): Tensor {
  const order = x.shape.map((_, axis) => axis);
  order.push(...order.splice(-2).reverse());
  return applyOp(permute, [x], { order })[0];
}

/** A batch of matrices as one matrix with all their rows. */
const flat = (x: Tensor): Tensor =>
  applyOp(reshape, [x], { shape: [elements(x.shape.slice(0, -1)), x.shape[x.shape.length - 1]] })[0];

/**
 * dA = dY Bᵀ and dB = Aᵀ dY, each in the layout of its operand. A b that the whole batch shares gets the sum over all
 * rows.
 */
function gradient({ inputs: [a, b], attrs, outGrads: [dy], needs }: GradientNode<MatmulAttrs>): (Tensor | null)[] {
  const { transposeA, transposeB } = attrs;
  const shared = b!.shape.length < a!.shape.length;
  let da: Tensor | null = null;
  if (needs[0] && transposeA && !shared) da = multiply(b!, dy!, transposeB, true);
  else if (needs[0]) da = multiply(dy!, b!, false, !transposeB);
  if (da && transposeA && shared) da = swapped(da);
  if (!needs[1]) return [da, null];
  let [rows, dRows, lines] = [a!, dy!, transposeA];
  if (shared) [rows, dRows, lines] = [flat(transposeA ? swapped(a!) : a!), flat(dy!), false];
  return [da, transposeB ? multiply(dRows, rows, true, lines) : multiply(rows, dRows, !lines, false)];
}

function toOnnx({ inputs: [a, b], outputs: [y], attrs }: OnnxNode<MatmulAttrs>, emit: OnnxEmitter): void {
  const operand = (x: Tensor, transposed: boolean) => {
    const axes = x.shape.map((_, axis) => axis);
    if (transposed) axes.push(...axes.splice(-2).reverse());
    return emit.arranged(x, axes);
  };
  emit.set(y, emit.node("MatMul", [operand(a!, attrs.transposeA), operand(b!, attrs.transposeB)]));
}

/**
 * Matrix products of a batch: a `[..., M, K]` and b `[..., K, N]` to `[..., M, N]` in a's type (f32; bf16 and f16 on a
 * GPU). Either may be stored transposed. A b `[K, N]` is shared by the whole batch. Sums are f32. Their order depends
 * neither on the batch nor, unless a is transposed, on the number of rows.
 */
export const matmul = defineOp<MatmulAttrs>({
  name: "matmul",
  operands: [
    // one matrix: the rows of a, unless they are features; a batch: both operands, if both have the batch axes
    { name: "a", batched: ([a], { transposeA }: MatmulAttrs) => a!.shape.length > 2 || !transposeA },
    { name: "b", batched: ([a, b]) => a!.shape.length > 2 && b!.shape.length > 2 },
  ],
  tf32: true,
  attributes: { transposeA: flag, transposeB: flag },
  shape,
  layout: layout({ transposeA: "bool", transposeB: "bool" }),
  reference,
  gradient,
  toOnnx,
});
