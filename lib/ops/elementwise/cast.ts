import { checkOperand, FLOATS } from "../../graph/operands.js";
import { oneOf } from "../../graph/rules.js";
import { type DType, defineOp, type OpDefinition } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";

/** Converts to another floating-point type: round to nearest, ties to even. */
export const cast: OpDefinition<{ to: DType }> = defineOp<{ to: DType }>({
  name: "cast",
  operands: [{ name: "x" }],
  halvesOnCpu: true,
  attributes: { to: oneOf(FLOATS) },
  shape: ([x], { to }) => [{ shape: checkOperand("cast", "x", x, ["..."]).shape, dtype: to }],
  reference: ([x]) => [{ shape: x!.shape, data: x!.data.slice() }],
  gradient: ({ inputs: [x], outGrads: [dy] }) => [applyOp(cast, [dy!], { to: x!.dtype })[0]],
  notInOnnx: "exported graphs are f32 throughout",
});
