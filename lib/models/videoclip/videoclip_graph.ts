import { fill } from "../../ops/index.js";
import type { Tensor } from "../../graph/tensor.js";
import { applyOp, type Graph, input, parameter, scope, trace } from "../../graph/trace.js";
import * as nn from "../../nn/layers.js";
import { maskedMean } from "../../nn/transformer_layers.js";
import { bertLayers, type BertSizes, embeddedAt, placeEmbeddings } from "../text/bert.js";
import { textEncoder } from "../text/text_heads.js";
import { textModelOf, type VideoClipConfig } from "./videoclip_config.js";

/** PyTorch's default, unlike BERT's 1e-12. */
const MLP_EPS = 1e-5;

/** Keys of a text encoder that is not trained begin with it. */
const FROZEN = "token_encoder";

/** Keys of a side's BERT, without its `embeddings.` or `encoder.`. */
const bertPrefix = (side: "video" | "text", c: VideoClipConfig): string => {
  if (c.shared) return "mm_encoder.bert";
  if (side === "video") return "video_encoder.bert";
  return c.frozenText ? "text_encoder.bert" : "text_encoder";
};

/** Where the parameters of the config's `textModel` are. */
export const textModelPrefix = (c: VideoClipConfig): string => (c.frozenText ? FROZEN : "text_encoder");

/** Whether training leaves a parameter as it is. */
export const isFrozen = (key: string): boolean => key.startsWith(`${FROZEN}.`);

/** Token MLP: x `[N, T, width]` to tokens `[N, T, hidden]`; the activation stands before the LayerNorm. */
function tokenMlp(x: Tensor, key: string, c: VideoClipConfig): Tensor {
  return scope(key.slice(key.indexOf(".") + 1), () => {
    const hidden = nn.unary(nn.linear(x, `${key}.linear1`, c.hiddenSize), "gelu");
    return nn.linear(nn.layerNorm(hidden, `${key}.LayerNorm`, MLP_EPS), `${key}.linear2`, c.hiddenSize);
  });
}

/** Features `[N, T, features]` to the tokens of the video side, `[N, T, hidden]`. */
const videoTokens = (features: Tensor, c: VideoClipConfig): Tensor =>
  tokenMlp(features, `${c.shared ? "mm_encoder" : "video_encoder"}.videomlp`, c);

/**
 * Word embeddings of ids i32 `[N, S]`: `[N, S, hidden]`. Beside a text model of its own the video side has words for its two
 * ends alone.
 */
const words = (ids: Tensor, side: "video" | "text", c: VideoClipConfig): Tensor => {
  const rows = c.textModel ? 2 : c.vocabularySize;
  const padding = c.textModel ? undefined : c.padId;
  return nn.embedding(ids, `${bertPrefix(side, c)}.embeddings.word_embeddings`, rows, c.hiddenSize, padding);
};

/** The word embeddings of the video side's [CLS] and [SEP], `[N, 1, hidden]` each, where their ids are not given. */
function endWords(N: number, c: VideoClipConfig): Tensor[] {
  const rows = c.textModel ? 2 : c.vocabularySize;
  const table = parameter(`${bertPrefix("video", c)}.embeddings.word_embeddings.weight`, [rows, c.hiddenSize]);
  const none = applyOp(fill, [], { shape: [N, 1, 1], value: 0 })[0];
  return (c.textModel ? [0, 1] : [c.clsId, c.sepId]).map((id) =>
    nn.binary(nn.reshape(nn.slice(table, [id, 0], [1, c.hiddenSize]), [1, 1, c.hiddenSize]), none, "add"),
  );
}

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
  const embeddings = `${key}.embeddings`;
  return scope(side, () => {
    const S = x.shape[1];
    const own = !(c.shared && side === "text");
    const places = own ? placeEmbeddings(S, 0, bert, embeddings) : sharedTextPlaces(S, bert, embeddings, c);
    return bertLayers(embeddedAt(x, places, bert, embeddings), mask, bert, key);
  });
}

/**
 * Places `[S, hidden]` of a text in an encoder that videos go through as well: [CLS] is at position 0 with type 0 on both
 * sides; what follows it has type 1 and the positions behind those of the T slots of a video and its [SEP], T + 2 and up.
 */
function sharedTextPlaces(S: number, bert: BertSizes, key: string, { maxVideoLength: T }: VideoClipConfig): Tensor {
  const rest = S > 1 ? [placeEmbeddings(S - 1, 1, bert, key, T + 2)] : [];
  return nn.concat([placeEmbeddings(1, 0, bert, key), ...rest], 0);
}

/**
 * Video side: [CLS], the video tokens, [SEP] at positions 0 .. T + 1, token type 0.
 * @param features f32 `[N, T, features]`, zeros where there is none; T is `maxVideoLength`
 * @param ends i32 `[N, 2]`: ids of [CLS] and [SEP] (0 and 1 beside a `textModel`); null: those of the config
 * @param mask u8 or f32 `[N, T + 2]`: what is attended to; [CLS], the features there are, [SEP]
 * @returns tokens of the MLP `[N, T, hidden]`, and the last layer `[N, T + 2, hidden]`
 */
export function videoSide(features: Tensor, ends: Tensor | null, mask: Tensor, c: VideoClipConfig) {
  const [N] = features.shape;
  const tokens = videoTokens(features, c);
  const special = ends && words(ends, "video", c);
  const [first, last] = special
    ? [0, 1].map((i) => nn.slice(special, [0, i, 0], [N, 1, c.hiddenSize]))
    : endWords(N, c);
  const x = nn.concat([first, tokens, last], 1);
  return { tokens, hidden: encode(x, mask, "video", c) };
}

/**
 * Text side: ids i32 `[N, S]` = [CLS], word pieces, [SEP], padding; mask u8 `[N, S]`; the last layer `[N, S, hidden]`.
 * @param present f32 `[N, S, 1]`: 1 where there is a token; MobileBERT needs it
 */
export function textSide(ids: Tensor, mask: Tensor, c: VideoClipConfig, present?: Tensor): Tensor {
  const model = textModelOf(c);
  if (!model) return encode(words(ids, "text", c), mask, "text", c);
  const tokens = scope(model.family, () => textEncoder({ ids, types: 0, mask, present }, model, textModelPrefix(c)));
  return c.frozenText ? encode(tokenMlp(tokens, "text_encoder.textmlp", c), mask, "text", c) : tokens;
}

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
    const present = textModelOf(c)?.trigram ? input("present", [N, S, 1]) : undefined;
    const hidden = textSide(input("ids", [N, S], "i32"), input("mask", [N, S], "u8"), c, present);
    const result = { pooled: pooled(hidden, input("pool", [N, S], "u8"), c) };
    return tokens ? { ...result, tokens: hidden } : result;
  });
}
