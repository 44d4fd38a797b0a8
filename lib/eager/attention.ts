import { checkOperand } from "../graph/operands.js";
import { attention as definition } from "../ops/index.js";
import { checkAttribute, integer } from "../graph/rules.js";
import type { Bytes } from "./array_types.js";
import { type Operand, readOperand, readOptional } from "./operand.js";
import { type OutOptions, readOptions } from "./options.js";
import type { Result } from "./result.js";
import { only, runDefinition } from "./run.js";

export interface AttentionOptions extends OutOptions {
  /** Number of heads, a divisor of C. */
  heads: number;
  /** `[N, Sk]`, u8 or f32: keys whose value is 0 are masked. */
  mask?: Operand<Bytes | Float32Array> | null | undefined;
  /** Multiplies the scores. Default 1 / sqrt(head size). */
  scale?: number | undefined;
  /** Query i attends only to keys j <= i + Sk - Sq. Default false. */
  causal?: boolean | undefined;
}

/**
 * Softmax attention over all heads (Vaswani et al. 2017, arXiv 1706.03762). A query without valid keys gives zeros;
 * masked keys do not change a bit of the result. Their values must be finite: a weight of 0 times NaN or infinity is
 * NaN.
 * @param q floats `[N, Sq, C]`; head h has channels from h C / heads on
 * @param k `[N, Sk, C]` of q's dtype
 * @param v like k
 * @returns like q
 * @throws ShapeError when k, v or the mask do not fit q, or the heads do not divide its channels
 */
export async function attention(q: Operand, k: Operand, v: Operand, options: AttentionOptions): Promise<Result> {
  const o = readOptions("attention", options, ["heads", "mask", "scale", "causal", "signal", "out"]);
  const operands = {
    q: readOperand("attention", "q", q),
    k: readOperand("attention", "k", k),
    v: readOperand("attention", "v", v),
    mask: readOptional("attention", "mask", o.mask),
  };
  const { heads, causal = false } = o;
  checkAttribute("attention", "heads", heads, integer(1));
  const [, , C] = checkOperand("attention", "q", operands.q, ["N", "Sq", "C"]).shape;
  const scale = o.scale === undefined ? 1 / Math.sqrt(Math.max(C, 1) / heads) : o.scale;
  return only(runDefinition(definition, operands, { heads, scale, causal }, { signal: o.signal, out: [o.out] }));
}
