import type { OnnxEmitter } from "../onnx_emitter.js";
import { throughUnary } from "../gradients.js";
import { checkOperand } from "../operands.js";
import { oneOf } from "../rules.js";
import { defineOp, type Tensor } from "../tensor.js";

/** In the order of native/cpp/ops/unary.h. */
export const unaryKinds = ["relu", "sigmoid", "tanh", "gelu", "gelu_tanh", "swish", "exp", "softplus"] as const;
export type UnaryKind = (typeof unaryKinds)[number];
/** What an op may do to its result. */
export const activations = ["none", ...unaryKinds] as const;

const sigmoid = (x: number) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));

/** erfc by its continued fraction (x > 2) or the series of erf: 15 digits, without cancellation in the tail. */
function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x < 2) {
    let sum = x;
    for (let n = 1, term = x; n < 60; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * sum;
  }
  let f = 0;
  for (let n = 120; n > 0; n--) f = n / 2 / (x + f);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + f);
}

export const unaryFunctions: Record<UnaryKind, (x: number) => number> = {
  relu: (x) => Math.max(0, x),
  sigmoid,
  tanh: Math.tanh,
  gelu: (x) => 0.5 * x * erfc(-x * Math.SQRT1_2),
  gelu_tanh: (x) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)),
  swish: (x) => x * sigmoid(x),
  exp: Math.exp,
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
};

const normalDensity = (x: number) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
const TANH_SCALE = 2 * Math.sqrt(2 / Math.PI);

/** f'(x). */
export const unaryDerivatives: Record<UnaryKind, (x: number) => number> = {
  relu: (x) => (x > 0 ? 1 : 0),
  sigmoid: (x) => sigmoid(x) * sigmoid(-x),
  tanh: (x) => 4 * sigmoid(2 * x) * sigmoid(-2 * x),
  gelu: (x) => 0.5 * erfc(-x * Math.SQRT1_2) + x * normalDensity(x),
  gelu_tanh: (x) => {
    const u = TANH_SCALE * (x + 0.044715 * x ** 3);
    const slope = TANH_SCALE * (1 + 3 * 0.044715 * x * x);
    return sigmoid(u) + x * sigmoid(u) * sigmoid(-u) * slope;
  },
  swish: (x) => sigmoid(x) + x * sigmoid(x) * sigmoid(-x),
  exp: Math.exp,
  softplus: sigmoid,
};

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

/** Whether no result is below 0. */
export const isNonNegative = (kind: UnaryKind): boolean => ["relu", "sigmoid", "exp", "softplus"].includes(kind);

/** Writes y = f(x) of the ONNX value `x`, which lies in the order `axes`. */
export function emitUnary(emit: OnnxEmitter, kind: UnaryKind, x: string, y: Tensor, axes?: readonly number[]): void {
  emit.set(y, onnxForms[kind](emit, x), { axes, nonNegative: isNonNegative(kind) });
}

/** y = f(x), element by element. */
export const unary = defineOp<{ kind: UnaryKind }>({
  name: "unary",
  attributes: { kind: oneOf(unaryKinds) },
  shape: ([x]) => [checkOperand("unary", "x", x, ["..."])],
  encode: (a) => [unaryKinds.indexOf(a.kind)],
  reference: ([x], a) => [{ shape: x!.shape, data: x!.data.map(unaryFunctions[a.kind]) }],
  gradient: ({ inputs: [x], attrs: { kind }, outGrads: [dy] }) => [throughUnary(kind, x!, dy!)],
  toOnnx: ({ inputs: [x], outputs: [y], attrs: a }, emit) => {
    const { name, axes } = emit.value(x!);
    emitUnary(emit, a.kind, name, y, axes);
  },
  cases: [
    ...unaryKinds.map((kind) => ({ name: kind, inputs: [{ shape: [3, 5, 37], scale: 6 }], attrs: { kind } })),
    ...unaryKinds.map((kind) => ({ name: `${kind} of 16`, inputs: [{ shape: [5, 16], scale: 6 }], attrs: { kind } })),
    { name: "more than a block", inputs: [{ shape: [2, 4104] }], attrs: { kind: "relu" } },
    // where exp is 0 or would overflow
    ...(["sigmoid", "gelu_tanh", "swish"] as const).map((kind) => ({
      name: `far ${kind}`,
      inputs: [{ shape: [7, 33], scale: 300 }],
      attrs: { kind },
    })),
  ],
});
