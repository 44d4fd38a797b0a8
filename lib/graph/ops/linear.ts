import type { OnnxEmitter, OnnxNode } from "../onnx_emitter.js";
import { reshaped, summed, throughUnary } from "../gradients.js";
import {
  type Array64,
  defineOp,
  elements,
  type GradientNode,
  isFloat,
  type OpDefinition,
  sameShape,
  shapeError,
  type Tensor,
  type TensorType,
} from "../tensor.js";
import { applyOp } from "../trace.js";
import { matmul } from "./matmul.js";
import { requireF32 } from "./storage.js";
import { emitUnary, type UnaryKind, unaryFunctions, unaryKinds } from "./unary.js";

/** y = activation(x Wᵀ + b): x `[..., in]`, weight `[out, in]`, optional bias `[out]`. */
export interface LinearAttrs {
  outFeatures: number;
  activation: "none" | UnaryKind;
  packed?: boolean;
}

function shape([x, weight, bias]: (TensorType | null)[], a: LinearAttrs): TensorType[] {
  if (!x || x.shape.length < 1 || !isFloat(x.dtype)) {
    throw shapeError("linear", "x [..., in] of floats", x?.shape ?? "none");
  }
  const want = [a.outFeatures, x.shape[x.shape.length - 1]];
  if (!a.packed && !sameShape(weight?.shape ?? [], want)) {
    throw shapeError("linear", `weight [${want.join(", ")}] for x [${x.shape.join(", ")}]`, weight?.shape ?? "none");
  }
  if (bias && !sameShape(bias.shape, [a.outFeatures]))
    throw shapeError("linear", `bias [${a.outFeatures}]`, bias.shape);
  if (!weight || !isFloat(weight.dtype)) throw shapeError("linear", "a weight of floats", weight?.dtype ?? "none");
  requireF32("linear", bias);
  return [{ shape: [...x.shape.slice(0, -1), a.outFeatures], dtype: x.dtype }];
}

function reference([x, weight, bias]: (Array64 | null)[], a: LinearAttrs): Array64[] {
  const width = x!.shape[x!.shape.length - 1];
  const rows = elements(x!.shape) / width;
  const y = new Float64Array(rows * a.outFeatures);
  const f = a.activation === "none" ? (v: number) => v : unaryFunctions[a.activation];
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < a.outFeatures; o++) {
      let sum = bias ? bias.data[o] : 0;
      for (let i = 0; i < width; i++) sum += x!.data[r * width + i] * weight!.data[o * width + i];
      y[r * a.outFeatures + o] = f(sum);
    }
  }
  return [{ shape: [...x!.shape.slice(0, -1), a.outFeatures], data: y }];
}

function toOnnx({ inputs: [x, weight, bias], outputs: [y], attrs: a }: OnnxNode<LinearAttrs>, emit: OnnxEmitter): void {
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
  if (a.activation === "none") emit.set(y, name);
  else emitUnary(emit, a.activation, name, y);
}

const product = (a: Tensor, b: Tensor, transposeA: boolean): Tensor =>
  applyOp(matmul, [a, b], { transposeA, transposeB: false })[0];

/** Before the activation, which is computed again: dx = dz W, dW = dzᵀ x, db the sum of dz over rows. */
function gradient({ inputs: [x, weight, bias], attrs: a, outGrads: [dy], needs }: GradientNode<LinearAttrs>) {
  const rows = (tensor: Tensor) =>
    reshaped(tensor, [elements(tensor.shape) / tensor.shape.at(-1)!, tensor.shape.at(-1)!]);
  let dz = dy!;
  if (a.activation !== "none") {
    const [z] = applyOp(linear, [x, weight, bias], { ...a, activation: "none" });
    dz = throughUnary(a.activation, z, dz);
  }
  return [
    needs[0] ? reshaped(product(rows(dz), weight!, false), x!.shape) : null,
    needs[1] ? product(rows(dz), rows(x!), true) : null,
    needs[2] ? summed(rows(dz), [0]) : null,
  ];
}

/** See {@link LinearAttrs}. */
export const linear: OpDefinition<LinearAttrs> = defineOp<LinearAttrs>({
  name: "linear",
  operands: 3,
  shape,
  encode: (a) => [a.activation === "none" ? -1 : unaryKinds.indexOf(a.activation)],
  reference,
  gradient,
  toOnnx,
  cases: [
    {
      name: "one",
      inputs: [
        { shape: [1, 1], integer: 4 },
        { shape: [1, 1], integer: 4 },
      ],
      attrs: { outFeatures: 1, activation: "none" },
    },
    {
      name: "odd",
      inputs: [
        { shape: [2, 17, 37], integer: 4 },
        { shape: [67, 37], integer: 3 },
        { shape: [67], integer: 9 },
      ],
      attrs: { outFeatures: 67, activation: "relu" },
    },
    {
      name: "gate",
      inputs: [{ shape: [5, 48] }, { shape: [48, 48], scale: 0.2 }, { shape: [48] }],
      attrs: { outFeatures: 48, activation: "sigmoid" },
    },
    {
      name: "tiles",
      inputs: [
        { shape: [1, 261, 72], integer: 4 },
        { shape: [264, 72], integer: 3 },
        { shape: [264], integer: 9 },
      ],
      attrs: { outFeatures: 264, activation: "none" },
    },
    ...unaryKinds.map((activation) => ({
      name: activation,
      inputs: [{ shape: [3, 7, 40] }, { shape: [24, 40], scale: 0.5 }, { shape: [24], scale: 3 }],
      attrs: { outFeatures: 24, activation },
    })),
  ],
});
