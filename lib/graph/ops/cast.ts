import { checkOperand, FLOATS } from "../operands.js";
import { oneOf } from "../rules.js";
import { type DType, defineOp, type OpDefinition } from "../tensor.js";
import { applyOp } from "../trace.js";

/** The same values in another floating-point type: to nearest, ties to even. */
export const cast: OpDefinition<{ to: DType }> = defineOp<{ to: DType }>({
  name: "cast",
  operands: [{ name: "x" }],
  halvesOnCpu: true,
  attributes: { to: oneOf(FLOATS) },
  shape: ([x], { to }) => [{ shape: checkOperand("cast", "x", x, ["..."]).shape, dtype: to }],
  encode: () => [],
  reference: ([x]) => [{ shape: x!.shape, data: x!.data.slice() }],
  gradient: ({ inputs: [x], outGrads: [dy] }) => [applyOp(cast, [dy!], { to: x!.dtype })[0]],
  notInOnnx: "exported graphs are f32 throughout",
});
