import { attention as attentionOp, linear as linearOp, type UnaryKind } from "../ops/index.js";
import type { Tensor } from "../graph/tensor.js";
import { applyOp, parameter } from "../graph/trace.js";
import * as nn from "./layers.js";

/** A matrix `[out, in]` with its bias `[out]`: y = x Wᵀ + b. */
export interface Dense {
  weight: Tensor;
  bias: Tensor | null;
}

/** The dense layer with the parameters `<key>.weight` and `<key>.bias`. */
export const dense = (key: string, outFeatures: number, inFeatures: number): Dense => ({
  weight: parameter(`${key}.weight`, [outFeatures, inFeatures]),
  bias: parameter(`${key}.bias`, [outFeatures]),
});

/** `count` rows of a dense layer from row `first`, such as one projection of a published weight that stacks several. */
export function denseRows({ weight, bias }: Dense, first: number, count: number): Dense {
  return {
    weight: nn.slice(weight, [first, 0], [count, weight.shape[1]]),
    bias: bias && nn.slice(bias, [first], [count]),
  };
}

/** Joins layers that read the same input into one, with their rows concatenated. All have a bias. */
function joinDense(parts: readonly Dense[]): Dense {
  if (parts.length === 1) return parts[0];
  return {
    weight: nn.concat(
      parts.map((part) => part.weight),
      0,
    ),
    bias: nn.concat(
      parts.map((part) => part.bias!),
      0,
    ),
  };
}

/** Applies a dense layer to x `[..., in]`: `[..., out]`. */
export const applyDense = (x: Tensor, { weight, bias }: Dense): Tensor =>
  applyOp(linearOp, [x, weight, bias], { outFeatures: weight.shape[0], activation: "none" })[0];

/** The four projections of an attention layer, each `[C, C]` with bias. */
export interface AttentionWeights {
  query: Dense;
  key: Dense;
  value: Dense;
  output: Dense;
}

export interface AttentionOptions {
  heads: number;
  /** u8 `[N, Sk]`: keys whose entry is 0 are masked. */
  mask?: Tensor | null | undefined;
  /** Query i attends only to keys up to position i. */
  causal?: boolean | undefined;
}

/** Columns `first .. first + width` of x `[N, S, C]`. */
const columns = (x: Tensor, first: number, width: number): Tensor =>
  nn.slice(x, [0, 0, first], [x.shape[0], x.shape[1], width]);

/** Applies layers that share the input x `[N, S, in]` by one matrix product: a tensor `[N, S, out]` for each. */
export function projectTogether(x: Tensor, parts: readonly Dense[]): Tensor[] {
  const joined = applyDense(x, joinDense(parts));
  if (parts.length === 1) return [joined];
  let first = 0;
  return parts.map(({ weight }) => {
    const width = weight.shape[0];
    first += width;
    return columns(joined, first - width, width);
  });
}

/** softmax(q kᵀ / sqrt(head size)) v over all heads: q `[N, Sq, C]`, k and v `[N, Sk, C]` to `[N, Sq, C]`. */
export function scaledAttention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const { heads, mask = null, causal = false } = options;
  const scale = 1 / Math.sqrt(q.shape[2] / heads);
  return applyOp(attentionOp, [q, k, v, mask], { heads, scale, causal })[0];
}

/** Multi-head self-attention of x `[N, S, C]` (Vaswani et al. 2017, section 3.2.2); query, key and value are one product. */
export function selfAttention(x: Tensor, weights: AttentionWeights, options: AttentionOptions): Tensor {
  const [q, k, v] = projectTogether(x, [weights.query, weights.key, weights.value]);
  return applyDense(scaledAttention(q, k, v, options), weights.output);
}

/** dense, activation, dense: x `[N, S, C]` to `[N, S, C]`. */
export const feedForward = (x: Tensor, first: Dense, activation: UnaryKind, second: Dense): Tensor =>
  applyDense(nn.unary(applyDense(x, first), activation), second);

/**
 * A sub-layer with its residual: post-norm LN(x + f(x)) (Vaswani et al. 2017) or pre-norm x + f(LN(x)). In training,
 * dropout follows f.
 * @param norm key of the layer normalisation
 */
export function residual(
  x: Tensor,
  norm: string,
  { eps, normFirst }: { eps: number; normFirst: boolean },
  f: (x: Tensor) => Tensor,
): Tensor {
  if (normFirst) return nn.binary(x, nn.dropout(f(nn.layerNorm(x, norm, eps))), "add");
  return nn.layerNorm(nn.dropout(f(x)), norm, eps, x);
}

/**
 * Mean over the tokens whose mask is not 0: x `[N, S, C]`, mask u8 `[N, S]` to `[N, C]`; 0 if all tokens are masked. It
 * is computed as attention with equal weights, so masked tokens cannot change a bit of the result.
 */
export function maskedMean(x: Tensor, mask: Tensor, heads: number): Tensor {
  const [N, , C] = x.shape;
  const query = nn.slice(x, [0, 0, 0], [N, 1, C]);
  const [mean] = applyOp(attentionOp, [query, x, x, mask], { heads, scale: 0, causal: false });
  return nn.reshape(mean, [N, C]);
}
