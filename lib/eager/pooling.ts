import { checkOperand } from "../graph/operands.js";
import { avgPool3d as avgDefinition, globalMean as meanDefinition, maxPool3d as maxDefinition } from "../ops/index.js";
import { type Padding, type PaddingOptions, perAxis, resolvePadding } from "../ops/conv/padding.js";
import type { Triple } from "../ops/index.js";
import { checkAttribute, oneOf } from "../graph/rules.js";
import { type Checked, type Operand, readOperand } from "./operand.js";
import { type OutOptions, readOptions } from "./options.js";
import type { Result } from "./result.js";
import { only, runDefinition } from "./run.js";

export interface PoolOptions extends OutOptions, PaddingOptions {
  /** Positions of a window along T, H, W, or one number for all. */
  kernel: number | Triple;
  /** Distance between neighbouring windows. Default: the kernel, so that windows do not overlap. */
  stride?: number | Triple | undefined;
  /** Round sizes up, by PyTorch's rule. Default false. */
  ceil?: boolean | undefined;
}

export interface MaxPoolOptions extends Omit<PoolOptions, "padding"> {
  /** See {@link Padding}. The values `-inf` and `zero` are deprecated names of `padValue`. */
  padding?: Padding | "-inf" | "zero" | undefined;
  /**
   * Value of the padding: `-inf` is never the maximum (PyTorch, TensorFlow; the default), `zero` takes part (S3D-G).
   */
  padValue?: "-inf" | "zero" | undefined;
}

export interface AvgPoolOptions extends PoolOptions {
  /**
   * Whether the divisor of a mean counts padding. Default true (PyTorch), but false with `padding: 'same'`
   * (TensorFlow).
   */
  countIncludePad?: boolean | undefined;
}

const POOL = ["kernel", "stride", "padding", "low", "high", "ceil", "signal", "out"] as const;

/** The attributes that pools share. */
function poolAttrs(op: string, x: Checked, o: PoolOptions) {
  const kernel = perAxis(o.kernel);
  const { ceil = false } = o;
  const stride = o.stride === undefined ? kernel : perAxis(o.stride);
  const size = checkOperand(op, "x", x, ["N", "T", "H", "W", "C"]).shape.slice(1, 4);
  return { kernel, stride, ceil, ...resolvePadding(op, o, size, kernel, stride) };
}

/**
 * Maximum over windows.
 * @param x floats `[N, T, H, W, C]`
 * @returns `[N, T', H', W', C]` of x's dtype
 * @throws InvalidArgumentError; ShapeError when no window fits, or a window covers padding alone
 */
export async function maxPool3d(x: Operand, options: MaxPoolOptions): Promise<Result> {
  const { padding, padValue, ...o } = readOptions("maxPool3d", options, [...POOL, "padValue"]);
  const old = padding === "-inf" || padding === "zero";
  const value = padValue ?? (old ? padding : "-inf");
  const operand = readOperand("maxPool3d", "x", x);
  checkAttribute("maxPool3d", "padValue", padValue === undefined ? value : padValue, oneOf(["-inf", "zero"]));
  const attrs = { ...poolAttrs("maxPool3d", operand, old ? o : { ...o, padding }), padding: value };
  return only(runDefinition(maxDefinition, { x: operand }, attrs, { signal: o.signal, out: [o.out] }));
}

/**
 * Mean over windows.
 * @param x floats `[N, T, H, W, C]`
 * @returns `[N, T', H', W', C]` of x's dtype
 * @throws InvalidArgumentError; ShapeError when no window fits, or a window covers padding alone
 */
export async function avgPool3d(x: Operand, options: AvgPoolOptions): Promise<Result> {
  const o = readOptions("avgPool3d", options, [...POOL, "countIncludePad"]);
  const { countIncludePad = o.padding !== "same" } = o;
  const operand = readOperand("avgPool3d", "x", x);
  const attrs = { ...poolAttrs("avgPool3d", operand, o), countIncludePad };
  return only(runDefinition(avgDefinition, { x: operand }, attrs, { signal: o.signal, out: [o.out] }));
}

/**
 * Mean over all positions.
 * @param x floats `[N, ..., C]`
 * @returns `[N, C]` of x's dtype
 */
export async function globalMean(x: Operand, options?: OutOptions): Promise<Result> {
  const { signal, out } = readOptions("globalMean", options, ["signal", "out"]);
  return only(runDefinition(meanDefinition, { x: readOperand("globalMean", "x", x) }, {}, { signal, out: [out] }));
}
