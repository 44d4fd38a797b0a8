import { channelsFirst } from "../onnx_emitter.js";
import { oneOf } from "../rules.js";
import { defineOp } from "../tensor.js";
import { applyOp } from "../trace.js";
import { maxPool3dGrad } from "./max_pool3d_grad.js";
import { emitPool, encodePool, type MaxPoolAttrs, perWindow, poolReference, poolRules, poolShape } from "./pool.js";

const base = { low: [0, 0, 0], high: [0, 0, 0], ceil: false, padding: "-inf" } as const;
const x = (...shape: number[]) => ({ shape, scale: 3 });

/** See {@link MaxPoolAttrs}. */
export const maxPool3d = defineOp<MaxPoolAttrs>({
  name: "max_pool3d",
  operands: [{ name: "x", batched: true }],
  attributes: { ...poolRules, padding: oneOf(["-inf", "zero"]) },
  shape: ([x], a) => poolShape("max_pool3d", x, a, a.padding === "zero"),
  encode: (a) => encodePool(a, a.padding === "zero"),
  reference: ([x], a) => {
    const out = poolShape("max_pool3d", { shape: x!.shape, dtype: "f32" }, a, a.padding === "zero")[0].shape;
    return poolReference(x!, a, out, (inside, padded) =>
      Math.max(...inside, a.padding === "zero" && inside.length < padded ? 0 : -Infinity),
    );
  },
  gradient: ({ inputs: [x], attrs, outGrads: [dy] }) => applyOp(maxPool3dGrad, [x, dy], attrs),
  toOnnx: ({ inputs: [x], outputs: [y], attrs: a }, emit) => {
    const axes = channelsFirst(5);
    const { nonNegative } = emit.value(x!);
    let name = emitPool(emit, "MaxPool", [x!, y], a);
    // ONNX's padding never wins. A zero that takes part changes nothing where the window has values and they are >= 0;
    // behind a relu, so, nothing is added. Elsewhere a maximum with 0 puts it in
    const zeros = perWindow(a, x!.shape, y.shape, (inside, padded) =>
      inside < padded && (inside === 0 || !nonNegative) ? 0 : -Infinity,
    );
    if (a.padding === "zero" && zeros.includes(0)) {
      name = emit.node("Max", [name, emit.floats(zeros, [1, 1, ...y.shape.slice(1, 4)])]);
    }
    emit.set(y, name, { axes, nonNegative });
  },
  cases: [
    {
      name: "1x3x3",
      inputs: [x(2, 3, 9, 7, 5)],
      attrs: { ...base, kernel: [1, 3, 3], stride: [1, 2, 2], low: [0, 1, 1], high: [0, 1, 1] },
    },
    {
      name: "3x3x3 same",
      inputs: [x(1, 4, 5, 3, 67)],
      attrs: { ...base, kernel: [3, 3, 3], stride: [1, 1, 1], low: [1, 1, 1], high: [1, 1, 1] },
    },
    {
      name: "2x2x2 ceil",
      inputs: [x(1, 5, 7, 3, 8)],
      attrs: { ...base, kernel: [2, 2, 2], stride: [2, 2, 2], ceil: true },
    },
    {
      name: "3x3x3 same, 16 channels",
      inputs: [x(2, 11, 6, 5, 16)],
      attrs: { ...base, kernel: [3, 3, 3], stride: [1, 1, 1], low: [1, 1, 1], high: [1, 1, 1] },
    },
    {
      name: "3x3x3 over zero padding",
      inputs: [{ shape: [2, 3, 5, 20, 72], shift: -3, scale: 3 }],
      attrs: { kernel: [3, 3, 3], stride: [1, 2, 1], low: [1, 0, 0], high: [1, 1, 2], ceil: true, padding: "zero" },
    },
    {
      name: "2x2x2, 40 columns",
      inputs: [x(1, 2, 4, 40, 40)],
      attrs: { ...base, kernel: [2, 2, 2], stride: [2, 2, 2] },
    },
    {
      name: "zero padding, all below zero",
      inputs: [{ shape: [2, 5, 6, 7, 16], shift: -3, scale: 1 }],
      attrs: { kernel: [3, 3, 3], stride: [2, 2, 2], low: [0, 0, 0], high: [1, 1, 1], ceil: true, padding: "zero" },
    },
  ],
});
