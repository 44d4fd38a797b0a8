import { embedding } from "../../ops/index.js";
import type { Tensor } from "../../graph/tensor.js";
import { applyOp, parameter, scope } from "../../graph/trace.js";
import * as nn from "../../nn/layers.js";
import { bert, bertPooler, type TextInputs } from "./bert.js";
import { mobileBert, mobileBertPooler } from "./mobilebert.js";
import type { TextConfig } from "./text_config.js";

/** The last hidden states `[N, S, hidden]` of either family, with its published keys after `key`. */
export function textEncoder(inputs: TextInputs, config: TextConfig, key: string = config.family): Tensor {
  return config.family === "bert" ? bert(inputs, config, key) : mobileBert(inputs, config, key);
}

/** The input of sentence classifiers, `[N, hidden]`. */
export function textPooler(hidden: Tensor, config: TextConfig): Tensor {
  return scope("pooler", () =>
    config.family === "bert" ? bertPooler(hidden, config) : mobileBertPooler(hidden, config),
  );
}

/** Rows of a tensor by index: x `[N, S, C]`, rows i32 `[M]` (indices into all N S) to `[M, C]`. */
export function gatherTokens(x: Tensor, rows: Tensor): Tensor {
  const [N, S, C] = x.shape;
  return applyOp(embedding, [rows, nn.reshape(x, [N * S, C])], {})[0];
}

/**
 * Masked language model: hidden states `[..., hidden]` to logits `[..., vocabulary]`. The decoder is the table of word
 * embeddings (unless the configuration unties them); MobileBERT's, whose embeddings are narrower, has `dense.weight`
 * `[hidden - embedding, vocabulary]` for the other channels.
 */
export function maskedLanguageHead(hidden: Tensor, config: TextConfig): Tensor {
  return scope("cls.predictions", () => {
    const { vocabulary, embedding: width, family } = config;
    const x = nn.unary(nn.linear(hidden, "cls.predictions.transform.dense", config.hidden), config.activation);
    // a LayerNorm in both families
    const normed = nn.layerNorm(x, "cls.predictions.transform.LayerNorm", config.eps);
    const table = config.tied ? `${family}.embeddings.word_embeddings.weight` : "cls.predictions.decoder.weight";
    let weight = parameter(table, [vocabulary, width]);
    if (width < config.hidden) {
      const rest = parameter("cls.predictions.dense.weight", [config.hidden - width, vocabulary]);
      weight = nn.concat([weight, nn.permute(rest, [1, 0])], 1);
    }
    return nn.linearWith(normed, weight, parameter("cls.predictions.bias", [vocabulary]));
  });
}

/** Logits `[N, 2]` from the pooled output: index 0 means that the second text follows the first. */
export const nextSentenceHead = (pooled: Tensor): Tensor =>
  scope("cls.seq_relationship", () => nn.linear(pooled, "cls.seq_relationship", 2));

/** Logits `[..., classes]` from the pooled output (sequence classification) or from every token (token classification). */
export const classifierHead = (x: Tensor, classes: number): Tensor =>
  scope("classifier", () => nn.linear(x, "classifier", classes));

/** Logits `[N, S, 2]` for the start and the end of an answer at each token. */
export const spanHead = (hidden: Tensor): Tensor => scope("qa_outputs", () => nn.linear(hidden, "qa_outputs", 2));
