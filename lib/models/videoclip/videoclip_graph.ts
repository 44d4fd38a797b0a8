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

/** Prefix of the keys of a frozen text encoder. */
const FROZEN = "token_encoder";

/** Keys of a tower's BERT, without its `embeddings.` or `encoder.`. */
const bertPrefix = (tower: "video" | "text", c: VideoClipConfig): string => {
  if (c.shared) return "mm_encoder.bert";
  if (tower === "video") return "video_encoder.bert";
  return c.frozenText ? "text_encoder.bert" : "text_encoder";
};

/** Key prefix of the parameters of the config's `textModel`. */
export const textModelPrefix = (c: VideoClipConfig): string => (c.frozenText ? FROZEN : "text_encoder");

/** Whether a parameter is frozen. */
export const isFrozen = (key: string): boolean => key.startsWith(`${FROZEN}.`);

/** Token MLP: x `[N, T, width]` to tokens `[N, T, hidden]`; the activation precedes the LayerNorm. */
function tokenMlp(x: Tensor, key: string, c: VideoClipConfig): Tensor {
  return scope(key.slice(key.indexOf(".") + 1), () => {
    const hidden = nn.unary(nn.linear(x, `${key}.linear1`, c.hiddenSize), "gelu");
    return nn.linear(nn.layerNorm(hidden, `${key}.LayerNorm`, MLP_EPS), `${key}.linear2`, c.hiddenSize);
  });
}

/** Features `[N, T, features]` to the tokens of the video tower, `[N, T, hidden]`. */
const videoTokens = (features: Tensor, c: VideoClipConfig): Tensor =>
  tokenMlp(features, `${c.shared ? "mm_encoder" : "video_encoder"}.videomlp`, c);

/**
 * Word embeddings of ids i32 `[N, S]`: `[N, S, hidden]`. With a separate text model the video tower has embeddings for
 * [CLS] and [SEP] only.
 */
const words = (ids: Tensor, tower: "video" | "text", c: VideoClipConfig): Tensor => {
  const rows = c.textModel ? 2 : c.vocabularySize;
  const padding = c.textModel ? undefined : c.padId;
  return nn.embedding(ids, `${bertPrefix(tower, c)}.embeddings.word_embeddings`, rows, c.hiddenSize, padding);
};

/** The word embeddings of the video tower's [CLS] and [SEP], `[N, 1, hidden]` each, if their ids are not given. */
function endWords(N: number, c: VideoClipConfig): Tensor[] {
  const rows = c.textModel ? 2 : c.vocabularySize;
  const table = parameter(`${bertPrefix("video", c)}.embeddings.word_embeddings.weight`, [rows, c.hiddenSize]);
  const none = applyOp(fill, [], { shape: [N, 1, 1], value: 0 })[0];
  return (c.textModel ? [0, 1] : [c.clsId, c.sepId]).map((id) =>
    nn.binary(nn.reshape(nn.slice(table, [id, 0], [1, c.hiddenSize]), [1, 1, c.hiddenSize]), none, "add"),
  );
}

/** The sizes of a tower's BERT. */
const sizes = (tower: "video" | "text", c: VideoClipConfig): BertSizes => ({
  hidden: c.hiddenSize,
  layers: tower === "video" ? c.videoLayers : c.textLayers,
  heads: c.heads,
  intermediate: c.intermediateSize,
  activation: "gelu",
  eps: c.layerNormEps,
  maxPositions: c.maxPositions,
  typeVocabulary: 2,
});

/** BERT over contents of tokens x `[N, S, hidden]`, mask u8 `[N, S]`: the last layer `[N, S, hidden]`. */
function encode(x: Tensor, mask: Tensor, tower: "video" | "text", c: VideoClipConfig): Tensor {
  const [key, bert] = [bertPrefix(tower, c), sizes(tower, c)];
  const embeddings = `${key}.embeddings`;
  return scope(tower, () => {
    const S = x.shape[1];
    const own = !(c.shared && tower === "text");
    const places = own ? placeEmbeddings(S, 0, bert, embeddings) : sharedTextPlaces(S, bert, embeddings, c);
    return bertLayers(embeddedAt(x, places, bert, embeddings), mask, bert, key);
  });
}

/**
 * Position embeddings `[S, hidden]` of a text in an encoder that is shared with videos. [CLS] is at position 0 with
 * type 0 in both. The following tokens of a text have type 1 and the positions after the T slots of a video and its
 * [SEP], from T + 2 on.
 */
function sharedTextPlaces(S: number, bert: BertSizes, key: string, { maxVideoLength: T }: VideoClipConfig): Tensor {
  const rest = S > 1 ? [placeEmbeddings(S - 1, 1, bert, key, T + 2)] : [];
  return nn.concat([placeEmbeddings(1, 0, bert, key), ...rest], 0);
}

/**
 * Video tower: [CLS], the video tokens, [SEP] at positions 0 .. T + 1, token type 0.
 * @param features f32 `[N, T, features]`, padded with zeros; T is `maxVideoLength`
 * @param ends i32 `[N, 2]`: ids of [CLS] and [SEP] (0 and 1 with a `textModel`); null: those of the config
 * @param mask u8 or f32 `[N, T + 2]`: the valid tokens: [CLS], the features, [SEP]
 * @returns tokens of the MLP `[N, T, hidden]`, and the last layer `[N, T + 2, hidden]`
 */
export function videoTower(features: Tensor, ends: Tensor | null, mask: Tensor, c: VideoClipConfig) {
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
 * Text tower: ids i32 `[N, S]` = [CLS], word pieces, [SEP], padding; mask u8 `[N, S]`; the last layer `[N, S, hidden]`.
 * @param present f32 `[N, S, 1]`: 1 for a token, 0 for padding; MobileBERT needs it
 */
export function textTower(ids: Tensor, mask: Tensor, c: VideoClipConfig, present?: Tensor): Tensor {
  const model = textModelOf(c);
  if (!model) return encode(words(ids, "text", c), mask, "text", c);
  const tokens = scope(model.family, () => textEncoder({ ids, types: 0, mask, present }, model, textModelPrefix(c)));
  return c.frozenText ? encode(tokenMlp(tokens, "text_encoder.textmlp", c), mask, "text", c) : tokens;
}

/**
 * Mean over the tokens with `pool` u8 `[N, S]` of 1: the word pieces or features and the final [SEP], without [CLS].
 */
export const pooled = (hidden: Tensor, pool: Tensor, c: VideoClipConfig): Tensor => maskedMean(hidden, pool, c.heads);

/** The program that embeds N videos; outputs `pooled` `[N, hidden]` and optionally `tokens` `[N, T, hidden]`. */
export function traceVideo(c: VideoClipConfig, N: number, tokens: boolean): Graph {
  const T = c.maxVideoLength;
  return trace((): Record<string, Tensor> => {
    const features = input("features", [N, T, c.featureSize]);
    const { hidden } = videoTower(features, input("ends", [N, 2], "i32"), input("mask", [N, T + 2], "u8"), c);
    const result = { pooled: pooled(hidden, input("pool", [N, T + 2], "u8"), c) };
    return tokens ? { ...result, tokens: nn.slice(hidden, [0, 1, 0], [N, T, c.hiddenSize]) } : result;
  });
}

/** The program that embeds N texts of S tokens; outputs as in {@link traceVideo}, with tokens `[N, S, hidden]`. */
export function traceText(c: VideoClipConfig, N: number, S: number, tokens: boolean): Graph {
  return trace((): Record<string, Tensor> => {
    const present = textModelOf(c)?.trigram ? input("present", [N, S, 1]) : undefined;
    const hidden = textTower(input("ids", [N, S], "i32"), input("mask", [N, S], "u8"), c, present);
    const result = { pooled: pooled(hidden, input("pool", [N, S], "u8"), c) };
    return tokens ? { ...result, tokens: hidden } : result;
  });
}
