import type { UnaryKind } from "../ops/index.js";
import { unaryKinds } from "../ops/index.js";
import type { Tensor } from "../graph/tensor.js";
import { parameter } from "../graph/trace.js";
import { count, layer, options as checked, tensor, wrong } from "./check.js";
import * as core from "./layers.js";
import { applyDense, dense, residual, scaledAttention } from "./transformer_layers.js";

export interface AttentionOptions {
  /** Number of heads, which divides the channels. */
  heads: number;
  /** u8 (or f32) `[N, Sk]`: keys whose entry is 0 are masked. */
  mask?: Tensor | undefined;
  /** Query i attends only to keys up to position i. Default false. */
  causal?: boolean | undefined;
}

const NAMES = ["heads", "mask", "causal"] as const;
const TOKENS = { sizes: "[N, S, C]", dtype: "f32" } as const;

function attentionOf(name: string, C: number, { heads, mask, causal = false }: AttentionOptions) {
  count(name, "heads", heads);
  if (C % heads) throw wrong(name, "heads", `a divisor of the ${C} channels`, heads);
  return { heads, causal, mask: mask === undefined ? null : tensor(name, "mask", mask, { sizes: "[N, S]" }) };
}

/** softmax(q kᵀ / sqrt(head size)) v over all heads: q `[N, Sq, C]`, k and v `[N, Sk, C]` to `[N, Sq, C]`. No parameters. */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const o = checked("attention", options, NAMES);
  for (const [argument, x] of Object.entries({ q, k, v })) tensor("attention", argument, x, TOKENS);
  return scaledAttention(q, k, v, attentionOf("attention", q.shape[2], o));
}

/**
 * Multi-head self-attention of x `[N, S, C]`, with the parameters of `torch.nn.MultiheadAttention`: `<key>.in_proj_weight`
 * `[3 C, C]`, `in_proj_bias`, `out_proj.weight` `[C, C]` and `out_proj.bias`.
 */
export function selfAttention(x: Tensor, key: string, options: AttentionOptions): Tensor {
  return layer("selfAttention", key, (name) => {
    const o = checked(name, options, NAMES);
    return attend(tensor(name, "x", x, TOKENS), key, attentionOf(name, x.shape[2], o));
  });
}

function attend(x: Tensor, key: string, how: ReturnType<typeof attentionOf>): Tensor {
  const [N, S, C] = x.shape;
  const all = applyDense(x, {
    weight: parameter(`${key}.in_proj_weight`, [3 * C, C]),
    bias: parameter(`${key}.in_proj_bias`, [3 * C]),
  });
  const [q, k, v] = [0, 1, 2].map((i) => core.slice(all, [0, 0, i * C], [N, S, C]));
  return applyDense(scaledAttention(q, k, v, how), dense(`${key}.out_proj`, C, C));
}

export interface TransformerLayerOptions extends AttentionOptions {
  /** Width of the hidden layer of the feed-forward network. Default 4 C. */
  hidden?: number | undefined;
  /** Activation between its two layers. Default `gelu` (PyTorch's is `relu`). */
  activation?: UnaryKind | undefined;
  /** Normalise before each part instead of after its residual. Default false, as in PyTorch. */
  normFirst?: boolean | undefined;
  /** eps of the normalisations. Default 1e-5. */
  eps?: number | undefined;
}

/**
 * A layer of a Transformer encoder: self-attention and a feed-forward network, each with residual, layer normalisation
 * and, in training, the trainer's `dropout`: x `[N, S, C]` to `[N, S, C]`. Parameters have the keys of
 * `torch.nn.TransformerEncoderLayer` after `<key>.`: `self_attn`, `linear1`, `linear2`, `norm1`, `norm2`.
 */
export function transformerLayer(x: Tensor, key: string, options: TransformerLayerOptions): Tensor {
  return layer("transformerLayer", key, (name) => {
    const known = [...NAMES, "hidden", "activation", "normFirst", "eps"] as const;
    const { hidden, activation = "gelu", normFirst = false, eps = 1e-5, ...o } = checked(name, options, known);
    const C = tensor(name, "x", x, TOKENS).shape[2];
    const width = hidden === undefined ? 4 * C : count(name, "hidden", hidden);
    if (!unaryKinds.includes(activation)) throw wrong(name, "activation", unaryKinds.join(", "), activation);
    const how = attentionOf(name, C, o);
    const attended = residual(x, `${key}.norm1`, { eps, normFirst }, (y) => attend(y, `${key}.self_attn`, how));
    return residual(attended, `${key}.norm2`, { eps, normFirst }, (y) => {
      const inner = core.unary(core.linear(y, `${key}.linear1`, width), activation);
      return core.linear(core.dropout(inner), `${key}.linear2`, C);
    });
  });
}
