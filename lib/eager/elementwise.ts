import {
  type BinaryKind,
  binary as binaryDefinition,
  globalMean,
  linear,
  scaleChannels as scaleDefinition,
  unary as unaryDefinition,
  type UnaryKind,
} from "../ops/index.js";
import { checkOperand } from "../graph/operands.js";
import type { Tensor } from "../graph/tensor.js";
import { applyOp } from "../graph/trace.js";
import { type Operand, readOperand } from "./operand.js";
import { type OutOptions, readOptions } from "./options.js";
import type { Result } from "./result.js";
import { only, runCall, runDefinition } from "./run.js";

/**
 * relu, sigmoid, tanh, gelu, gelu_tanh, swish, exp or softplus of every element.
 * @param x floats `[...]`
 * @returns like x
 */
export async function unary(x: Operand, kind: UnaryKind, options?: OutOptions): Promise<Result> {
  const { signal, out } = readOptions("unary", options, ["signal", "out"]);
  return only(runDefinition(unaryDefinition, { x: readOperand("unary", "x", x) }, { kind }, { signal, out: [out] }));
}

/**
 * add, sub, mul, div or max of a and b with NumPy broadcasting.
 * @param a floats `[...]`
 * @param b of a's dtype, of a shape that broadcasts with a's
 * @returns the shape that both broadcast to
 */
export async function binary(a: Operand, b: Operand, kind: BinaryKind, options?: OutOptions): Promise<Result> {
  const { signal, out } = readOptions("binary", options, ["signal", "out"]);
  const operands = { a: readOperand("binary", "a", a), b: readOperand("binary", "b", b) };
  return only(runDefinition(binaryDefinition, operands, { kind }, { signal, out: [out] }));
}

/**
 * y[n, ..., c] = x[n, ..., c] g[n, c].
 * @param x floats `[N, ..., C]`
 * @param g `[N, C]` of x's dtype
 * @returns like x
 */
export async function scaleChannels(x: Operand, g: Operand, options?: OutOptions): Promise<Result> {
  const { signal, out } = readOptions("scaleChannels", options, ["signal", "out"]);
  const operands = { x: readOperand("scaleChannels", "x", x), g: readOperand("scaleChannels", "g", g) };
  return only(runDefinition(scaleDefinition, operands, {}, { signal, out: [out] }));
}

/**
 * x sigmoid(W mean(x) + b), with the mean over all positions: the self-gate of S3D-G.
 * @param x floats `[N, ..., C]`
 * @param weight floats `[C, C]`
 * @param bias f32 `[C]`
 * @returns like x
 */
export async function selfGate(x: Operand, weight: Operand, bias: Operand, options?: OutOptions): Promise<Result> {
  const { signal, out } = readOptions("selfGate", options, ["signal", "out"]);
  const operands = {
    x: readOperand("selfGate", "x", x),
    weight: readOperand("selfGate", "weight", weight),
    bias: readOperand("selfGate", "bias", bias),
  };
  const C = checkOperand("selfGate", "x", operands.x, ["...", "N", "positions", "C"]).shape.at(-1)!;
  checkOperand("selfGate", "weight", operands.weight, [C, C]);
  const build = (t: Record<string, Tensor | null>) => {
    const means = applyOp(globalMean, [t.x], {});
    const gate = applyOp(linear, [...means, t.weight, t.bias], { outFeatures: C, activation: "sigmoid" });
    return applyOp(scaleDefinition, [t.x, ...gate], {});
  };
  return only(runCall({ op: "selfGate", operands, attrs: {}, build, signal, out: [out] }));
}
