import { misfit } from "../../graph/operands.js";
import { integers } from "../../graph/rules.js";
import { defineOp, elements } from "../../graph/tensor.js";

/**
 * The same elements in another shape. There is no kernel: the planner makes it a view. An optional second input is a
 * scheduling dependency: it is not read, but it is computed before the readers of the view.
 */
export const reshape = defineOp<{ shape: readonly number[] }>({
  name: "reshape",
  operands: [{ name: "x" }, { name: "before" }],
  isView: true,
  attributes: { shape: integers(0) },
  anyType: true,
  shape: ([x], a) => {
    if (elements(a.shape) !== elements(x!.shape))
      throw misfit("reshape", "shape", `${elements(x!.shape)} elements like x [${x!.shape.join(", ")}]`, a.shape);
    return [{ shape: a.shape, dtype: x!.dtype }];
  },
  reference: ([x], a) => [{ shape: a.shape, data: x!.data }],
  gradient: ({ inputs: [x], outGrads: [dy] }, g) => [g.reshape(dy!, x!.shape)],
  toOnnx: ({ inputs: [x], outputs: [y], attrs: a }, emit) => {
    const { nonNegative } = emit.value(x!);
    emit.set(y, emit.node("Reshape", [emit.arranged(x!), emit.integers(a.shape)]), { nonNegative });
  },
});
