import { layout } from "../../graph/attribute_layout.js";
import { checkOperand, misfit } from "../../graph/operands.js";
import { oneOf } from "../../graph/rules.js";
import {
  type Array64,
  defineOp,
  denseStrides,
  elements,
  type GradientBuilder,
  type GradientNode,
  sameShape,
  type Tensor,
  type TensorType,
} from "../../graph/tensor.js";
import { throughUnary } from "./unary_grad.js";

/** In the order of native/cpp/ops/elementwise/binary.h. */
export const binaryKinds = ["add", "sub", "mul", "div", "max"] as const;
export type BinaryKind = (typeof binaryKinds)[number];

const functions: Record<BinaryKind, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  max: Math.max,
};

const onnxTypes: Record<BinaryKind, string> = { add: "Add", sub: "Sub", mul: "Mul", div: "Div", max: "Max" };

function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a[a.length - rank + i] ?? 1;
    const q = b[b.length - rank + i] ?? 1;
    if (p !== q && p !== 1 && q !== 1) throw misfit("binary", "b", `a shape that broadcasts with [${a.join(", ")}]`, b);
    return p === 1 ? q : p;
  });
}

function shape([a, b]: (TensorType | null)[]): TensorType[] {
  const { dtype } = checkOperand("binary", "a", a, ["..."]);
  checkOperand("binary", "b", b, ["..."], [dtype]);
  return [{ shape: broadcast(a!.shape, b!.shape), dtype }];
}

function reference([a, b]: (Array64 | null)[], { kind }: { kind: BinaryKind }): Array64[] {
  const out = broadcast(a!.shape, b!.shape);
  const place = denseStrides(out);
  const at = (x: Array64, i: number) => {
    const strides = denseStrides(x.shape);
    const skip = out.length - x.shape.length;
    let index = 0;
    for (let d = 0; d < x.shape.length; d++) {
      if (x.shape[d] > 1) index += (Math.floor(i / place[d + skip]) % out[d + skip]) * strides[d];
    }
    return x.data[index];
  };
  const data = Float64Array.from({ length: elements(out) }, (_, i) => functions[kind](at(a!, i), at(b!, i)));
  return [{ shape: out, data }];
}

/** Gradients of a and b before broadcast axes are summed. If a and b are equal, b is the maximum. */
const gradients: Record<
  BinaryKind,
  (g: GradientBuilder, a: Tensor, b: Tensor, y: Tensor, dy: Tensor) => [() => Tensor, () => Tensor]
> = {
  add: (_g, _a, _b, _y, dy) => [() => dy, () => dy],
  sub: (g, _a, _b, _y, dy) => [() => dy, () => g.scale(dy, -1)],
  mul: (g, a, b, _y, dy) => [() => g.mul(dy, b), () => g.mul(dy, a)],
  div: (g, _a, b, y, dy) => {
    const da = g.div(dy, b);
    return [() => da, () => g.scale(g.mul(da, y), -1)];
  },
  max: (g, a, b, _y, dy) => {
    const da = throughUnary("relu", g.sub(a, b), dy);
    return [() => da, () => g.sub(dy, da)];
  },
};

function gradient(node: GradientNode<{ kind: BinaryKind }>, g: GradientBuilder) {
  const [a, b] = node.inputs;
  const full = gradients[node.attrs.kind](g, a!, b!, node.outputs[0], node.outGrads[0]!);
  return [a!, b!].map((x, i) => (node.needs[i] ? g.sumTo(full[i](), x.shape) : null));
}

/** y = f(a, b) with NumPy broadcasting. */
export const binary = defineOp<{ kind: BinaryKind }>({
  name: "binary",
  operands: [{ name: "a" }, { name: "b" }],
  attributes: { kind: oneOf(binaryKinds) },
  shape,
  layout: layout({ kind: "int" }, ({ kind }) => ({ kind: binaryKinds.indexOf(kind) })),
  reference,
  gradient,
  inPlace: ([a, b]) =>
    sameShape(a!.shape, b!.shape)
      ? [
          [0, 0],
          [0, 1],
        ]
      : [],
  toOnnx: ({ inputs: [a, b], outputs: [y], attrs }, emit) => {
    const rank = y.shape.length;
    // the axis order of the input with all axes, which then needs no transpose
    const { axes } = emit.value(a!.shape.length === rank ? a! : b!);
    const operand = (x: Tensor) =>
      emit.reshaped(x, [...new Array<number>(rank - x.shape.length).fill(1), ...x.shape], axes);
    emit.set(y, emit.node(onnxTypes[attrs.kind], [operand(a!), operand(b!)]), { axes });
  },
});
