import type { Tensor } from "../graph/tensor.js";
import { type Graph, input, scope, trace } from "../graph/trace.js";
import * as nn from "../nn/layers.js";
import { maskedMean } from "../nn/transformer_layers.js";
import { bertEmbeddings, bertLayers, type BertSizes } from "./bert.js";
import type { VideoClipConfig } from "./videoclip_config.js";

/** PyTorch's default, unlike BERT's 1e-12. */
const MLP_EPS = 1e-5;

/** Keys of a side's BERT, without its `embeddings.` or `encoder.`. */
const bertPrefix = (side: "video" | "text", c: VideoClipConfig): string => {
  if (c.shared) return "mm_encoder.bert";
  return side === "video" ? "video_encoder.bert" : "text_encoder";
};

const mlpPrefix = (c: VideoClipConfig): string => `${c.shared ? "mm_encoder" : "video_encoder"}.videomlp`;

/** Video token MLP: features `[N, T, features]` to tokens `[N, T, hidden]`; the activation stands before the LayerNorm. */
export function videoTokens(features: Tensor, c: VideoClipConfig): Tensor {
  const key = mlpPrefix(c);
  return scope("videomlp", () => {
    const hidden = nn.unary(nn.linear(features, `${key}.linear1`, c.hiddenSize), "gelu");
    return nn.linear(nn.layerNorm(hidden, `${key}.LayerNorm`, MLP_EPS), `${key}.linear2`, c.hiddenSize);
  });
}

/** Word embeddings of ids i32 `[N, S]`: `[N, S, hidden]`. */
const words = (ids: Tensor, side: "video" | "text", c: VideoClipConfig): Tensor =>
  nn.embedding(ids, `${bertPrefix(side, c)}.embeddings.word_embeddings`, c.vocabularySize, c.hiddenSize);

/** The sizes of a side's BERT. */
const sizes = (side: "video" | "text", c: VideoClipConfig): BertSizes => ({
  hidden: c.hiddenSize,
  layers: side === "video" ? c.videoLayers : c.textLayers,
  heads: c.heads,
  intermediate: c.intermediateSize,
  activation: "gelu",
  eps: c.layerNormEps,
  maxPositions: c.maxPositions,
  typeVocabulary: 2,
});

/** BERT over contents of tokens x `[N, S, hidden]`, mask u8 `[N, S]`: the last layer `[N, S, hidden]`. */
function encode(x: Tensor, mask: Tensor, side: "video" | "text", c: VideoClipConfig): Tensor {
  const [key, bert] = [bertPrefix(side, c), sizes(side, c)];
  // the encoders of their own see type 0 alone; the shared one tells the sides apart
  const type = c.shared && side === "text" ? 1 : 0;
  return scope(side, () => bertLayers(bertEmbeddings(x, type, bert, `${key}.embeddings`), mask, bert, key));
}

/**
 * Video side: [CLS], the video tokens, [SEP] at positions 0 .. T + 1, token type 0.
 * @param features f32 `[N, T, features]`, zeros where there is none; T is `maxVideoLength`
 * @param ends i32 `[N, 2]`: ids of [CLS] and [SEP]
 * @param mask u8 `[N, T + 2]`: what is attended to; [CLS], the features there are, [SEP]
 * @returns tokens of the MLP `[N, T, hidden]`, and the last layer `[N, T + 2, hidden]`
 */
export function videoSide(features: Tensor, ends: Tensor, mask: Tensor, c: VideoClipConfig) {
  const [N] = features.shape;
  const tokens = videoTokens(features, c);
  const special = words(ends, "video", c);
  const end = (i: number) => nn.slice(special, [0, i, 0], [N, 1, c.hiddenSize]);
  const x = nn.concat([end(0), tokens, end(1)], 1);
  return { tokens, hidden: encode(x, mask, "video", c) };
}

/** Text side: ids i32 `[N, S]` = [CLS], word pieces, [SEP], padding; mask u8 `[N, S]`; the last layer `[N, S, hidden]`. */
export const textSide = (ids: Tensor, mask: Tensor, c: VideoClipConfig): Tensor =>
  encode(words(ids, "text", c), mask, "text", c);

/** Mean over the real tokens and the final [SEP], without [CLS]: `pool` u8 `[N, S]` says which. */
export const pooled = (hidden: Tensor, pool: Tensor, c: VideoClipConfig): Tensor => maskedMean(hidden, pool, c.heads);

/** The program that embeds N videos; outputs `pooled` `[N, hidden]` and, when asked for, `tokens` `[N, T, hidden]`. */
export function traceVideo(c: VideoClipConfig, N: number, tokens: boolean): Graph {
  const T = c.maxVideoLength;
  return trace((): Record<string, Tensor> => {
    const features = input("features", [N, T, c.featureSize]);
    const { hidden } = videoSide(features, input("ends", [N, 2], "i32"), input("mask", [N, T + 2], "u8"), c);
    const result = { pooled: pooled(hidden, input("pool", [N, T + 2], "u8"), c) };
    return tokens ? { ...result, tokens: nn.slice(hidden, [0, 1, 0], [N, T, c.hiddenSize]) } : result;
  });
}

/** The program that embeds N texts of S tokens; outputs as in {@link traceVideo}, with tokens `[N, S, hidden]`. */
export function traceText(c: VideoClipConfig, N: number, S: number, tokens: boolean): Graph {
  return trace((): Record<string, Tensor> => {
    const hidden = textSide(input("ids", [N, S], "i32"), input("mask", [N, S], "u8"), c);
    const result = { pooled: pooled(hidden, input("pool", [N, S], "u8"), c) };
    return tokens ? { ...result, tokens: hidden } : result;
  });
}
