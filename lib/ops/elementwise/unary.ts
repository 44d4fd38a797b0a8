import type { OnnxEmitter } from "../../graph/onnx_emitter.js";
import { checkOperand } from "../../graph/operands.js";
import { oneOf } from "../../graph/rules.js";
import { defineOp, type Tensor } from "../../graph/tensor.js";
import { throughUnary } from "./unary_grad.js";
import { type UnaryKind, unaryFunctions, unaryKinds, unaryLayout } from "./unary_kinds.js";

export { type UnaryKind, unaryKinds } from "./unary_kinds.js";

/** The ONNX nodes of f(x), by kind. */
export const onnxForms: Record<UnaryKind, (emit: OnnxEmitter, x: string) => string> = {
  relu: (emit, x) => emit.node("Relu", [x]),
  sigmoid: (emit, x) => emit.node("Sigmoid", [x]),
  tanh: (emit, x) => emit.node("Tanh", [x]),
  gelu: (emit, x) => emit.node("Gelu", [x]),
  gelu_tanh: (emit, x) => emit.node("Gelu", [x], { approximate: "tanh" }),
  swish: (emit, x) => emit.node("Mul", [x, emit.node("Sigmoid", [x])]),
  exp: (emit, x) => emit.node("Exp", [x]),
  softplus: (emit, x) => emit.node("Softplus", [x]),
};

/** Whether all results are at least 0. */
export const isNonNegative = (kind: UnaryKind): boolean => ["relu", "sigmoid", "exp", "softplus"].includes(kind);

/** Writes y = f(x) for the ONNX value `x` in the axis order `axes`. */
export function emitUnary(emit: OnnxEmitter, kind: UnaryKind, x: string, y: Tensor, axes?: readonly number[]): void {
  emit.set(y, onnxForms[kind](emit, x), { axes, nonNegative: isNonNegative(kind) });
}

/** y = f(x), element by element. */
export const unary = defineOp<{ kind: UnaryKind }>({
  name: "unary",
  bf16OnCpu: () => true,
  operands: [{ name: "x", strided: true, batched: true }],
  attributes: { kind: oneOf(unaryKinds) },
  shape: ([x]) => [checkOperand("unary", "x", x, ["..."])],
  layout: unaryLayout,
  reference: ([x], a) => [{ shape: x!.shape, data: x!.data.map(unaryFunctions[a.kind]) }],
  gradient: ({ inputs: [x], attrs: { kind }, outGrads: [dy] }) => [throughUnary(kind, x!, dy!)],
  toOnnx: ({ inputs: [x], outputs: [y], attrs: a }, emit) => {
    const { name, axes } = emit.value(x!);
    emitUnary(emit, a.kind, name, y, axes);
  },
});
