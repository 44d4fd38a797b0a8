import { channelsFirst } from "../../graph/onnx_emitter.js";
import { flag } from "../../graph/rules.js";
import { defineOp, elements } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import { avgPool3dGrad } from "./avg_pool3d_grad.js";
import type { Triple } from "../conv/conv3d_attrs.js";
import { type AvgPoolAttrs, emitPool, avgPoolLayout, perWindow, poolReference, poolRules, poolShape } from "./pool.js";

/** See {@link AvgPoolAttrs}. */
export const avgPool3d = defineOp<AvgPoolAttrs>({
  name: "avg_pool3d",
  bf16OnCpu: () => true,
  operands: [{ name: "x", batched: true }],
  attributes: { ...poolRules, countIncludePad: flag },
  shape: ([x], a) => poolShape("avg_pool3d", x, a, false),
  layout: avgPoolLayout,
  reference: ([x], a) => {
    const out = poolShape("avg_pool3d", { shape: x!.shape, dtype: "f32" }, a, false)[0].shape;
    return poolReference(
      x!,
      a,
      out,
      (inside, padded) => inside.reduce((p, q) => p + q, 0) / (a.countIncludePad ? padded : inside.length),
    );
  },
  gradient: ({ inputs: [x], attrs, outGrads: [dy] }) =>
    applyOp(avgPool3dGrad, [dy], { ...attrs, size: x!.shape.slice(1, 4) as unknown as Triple }),
  toOnnx: ({ inputs: [x], outputs: [y], attrs: a }, emit) => {
    const axes = channelsFirst(5);
    let name = emitPool(emit, "AveragePool", [x!, y], a, { count_include_pad: a.countIncludePad ? 1 : 0 });
    // ONNX divides by the size of the whole window; here positions that ceil mode adds beyond the padding are not
    // counted
    const correction = perWindow(a, x!.shape, y.shape, (_, padded) => elements(a.kernel) / padded);
    if (a.countIncludePad && correction.some((factor) => factor !== 1)) {
      name = emit.node("Mul", [name, emit.floats(correction, [1, 1, ...y.shape.slice(1, 4)])]);
    }
    emit.set(y, name, { axes, nonNegative: emit.value(x!).nonNegative });
  },
});
