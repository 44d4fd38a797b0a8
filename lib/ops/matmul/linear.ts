import { layout } from "../../graph/attribute_layout.js";
import type { OnnxEmitter, OnnxNode } from "../../graph/onnx_emitter.js";
import { checkOperand, FLOATS, misfit } from "../../graph/operands.js";
import { type Attributes, flag, integer, oneOf, optional } from "../../graph/rules.js";
import {
  type Array64,
  defineOp,
  elements,
  type GradientBuilder,
  type GradientNode,
  type OpDefinition,
  packing,
  type Tensor,
  type TensorType,
} from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { matmul } from "./matmul.js";
import { emitUnary } from "../elementwise/unary.js";
import { throughUnary } from "../elementwise/unary_grad.js";
import { activationNumber, activations, type UnaryKind, unaryFunctions } from "../elementwise/unary_kinds.js";
import { packConvWeight } from "../conv/pack_conv_weight.js";

/**
 * y = activation(x Wᵀ + b + s r): x `[..., in]`, weight `[out, in]`, optional bias b `[out]`, optional residual r
 * `[..., out]` with an optional factor s `[out]` per channel (MobileBERT's NoNorm).
 */
export interface LinearAttrs {
  outFeatures: number;
  activation: "none" | UnaryKind;
  packed?: boolean | undefined;
}

const rules: Attributes<LinearAttrs> = {
  outFeatures: integer(1),
  activation: oneOf(activations),
  packed: optional(flag),
};

function shape([x, weight, bias, residual, scale]: (TensorType | null)[], a: LinearAttrs): TensorType[] {
  const { shape: size, dtype } = checkOperand("linear", "x", x, ["...", "in"]);
  const want = a.packed ? ["..."] : [a.outFeatures, size[size.length - 1]];
  checkOperand("linear", "weight", weight, want, FLOATS, `x is [${size.join(", ")}]`);
  const y = { shape: [...size.slice(0, -1), a.outFeatures], dtype };
  for (const [name, vector] of Object.entries({ bias, scale }))
    if (vector) checkOperand("linear", name, vector, [a.outFeatures], ["f32"]);
  if (residual) checkOperand("linear", "residual", residual, y.shape, [dtype]);
  if (scale && !residual) throw misfit("linear", "residual", "one, for the scale", undefined);
  return [y];
}

function reference([x, weight, bias, residual, scale]: (Array64 | null)[], a: LinearAttrs): Array64[] {
  const width = x!.shape[x!.shape.length - 1];
  const rows = elements(x!.shape) / width;
  const y = new Float64Array(rows * a.outFeatures);
  const f = a.activation === "none" ? (v: number) => v : unaryFunctions[a.activation];
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < a.outFeatures; o++) {
      let sum = bias ? bias.data[o] : 0;
      if (residual) sum += (scale ? scale.data[o] : 1) * residual.data[r * a.outFeatures + o];
      for (let i = 0; i < width; i++) sum += x!.data[r * width + i] * weight!.data[o * width + i];
      y[r * a.outFeatures + o] = f(sum);
    }
  }
  return [{ shape: [...x!.shape.slice(0, -1), a.outFeatures], data: y }];
}

function toOnnx({ inputs, outputs: [y], attrs: a }: OnnxNode<LinearAttrs>, emit: OnnxEmitter): void {
  const [x, weight, bias, residual, scale] = inputs;
  let name: string;
  if (x!.shape.length === 2) {
    name = emit.node(
      "Gemm",
      [x!, weight!, bias].map((tensor) => tensor && emit.arranged(tensor)),
      { transB: 1 },
    );
  } else {
    name = emit.node("MatMul", [emit.arranged(x!), emit.arranged(weight!, [1, 0])]);
    if (bias) name = emit.node("Add", [name, emit.arranged(bias)]);
  }
  if (residual) {
    const added = emit.arranged(residual);
    name = emit.node("Add", [name, scale ? emit.node("Mul", [added, emit.arranged(scale)]) : added]);
  }
  if (a.activation === "none") emit.set(y, name);
  else emitUnary(emit, a.activation, name, y);
}

const product = (a: Tensor, b: Tensor, transposeA: boolean): Tensor =>
  applyOp(matmul, [a, b], { transposeA, transposeB: false })[0];

/** The value before the activation is computed again: dx = dz W, dW = dzᵀ x, db the sum of dz over rows. */
function gradient({ inputs, attrs: a, outGrads: [dy], needs }: GradientNode<LinearAttrs>, g: GradientBuilder) {
  const [x, weight, , residual, scale] = inputs;
  const rows = (tensor: Tensor) =>
    g.reshape(tensor, [elements(tensor.shape) / tensor.shape.at(-1)!, tensor.shape.at(-1)!]);
  let dz = dy!;
  if (a.activation !== "none") {
    const [z] = applyOp(linear, inputs, { ...a, activation: "none" });
    dz = throughUnary(a.activation, z, dz);
  }
  return [
    needs[0] ? g.reshape(product(rows(dz), weight!, false), x!.shape) : null,
    needs[1] ? product(rows(dz), rows(x!), true) : null,
    needs[2] ? g.sum(rows(dz), [0]) : null,
    needs[3] ? (scale ? g.mul(dz, scale) : dz) : null,
    needs[4] ? g.sum(rows(g.mul(dz, residual!)), [0]) : null,
  ];
}

/** See {@link LinearAttrs}. */
export const linear: OpDefinition<LinearAttrs> = defineOp<LinearAttrs>({
  name: "linear",
  operands: [
    { name: "x", strided: true, batched: true },
    { name: "weight" },
    { name: "bias", f32: true },
    { name: "residual", strided: true, batched: true },
    { name: "scale", f32: true },
  ],
  tf32: true,
  multiplyAdds: (inputs, [y]) => elements(y.shape) * elements(inputs[1]!.shape.slice(1)),
  attributes: rules,
  packedOnCpu: ({ outFeatures }, { panelWidth }) => [
    packing(1, packConvWeight, { groups: 1, split: [outFeatures], panelWidth }),
  ],
  axesOnGpu: () => [0, 1],
  shape,
  layout: layout({ activation: "int" }, ({ activation }) => ({ activation: activationNumber(activation) })),
  reference,
  gradient,
  toOnnx,
});
