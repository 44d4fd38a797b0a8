import { channelsFirst } from "../../graph/onnx_emitter.js";
import { oneOf } from "../../graph/rules.js";
import { defineOp } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { maxPool3dGrad } from "./max_pool3d_grad.js";
import { emitPool, maxPoolLayout, type MaxPoolAttrs, perWindow, poolReference, poolRules, poolShape } from "./pool.js";

/** See {@link MaxPoolAttrs}. */
export const maxPool3d = defineOp<MaxPoolAttrs>({
  name: "max_pool3d",
  bf16OnCpu: () => true,
  operands: [{ name: "x", batched: true }],
  attributes: { ...poolRules, padding: oneOf(["-inf", "zero"]) },
  shape: ([x], a) => poolShape("max_pool3d", x, a, a.padding === "zero"),
  layout: maxPoolLayout,
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
    // ONNX's padding is -inf. A zero in a window with values >= 0 does not change its maximum, so nothing is needed
    // after a ReLU; otherwise a maximum with 0 adds the zero
    const zeros = perWindow(a, x!.shape, y.shape, (inside, padded) =>
      inside < padded && (inside === 0 || !nonNegative) ? 0 : -Infinity,
    );
    if (a.padding === "zero" && zeros.includes(0)) {
      name = emit.node("Max", [name, emit.floats(zeros, [1, 1, ...y.shape.slice(1, 4)])]);
    }
    emit.set(y, name, { axes, nonNegative });
  },
});
