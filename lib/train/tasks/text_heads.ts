import { binary, crossEntropy, fill } from "../../ops/index.js";
import type { Tensor } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import type { TextConfig } from "../../models/text/text_config.js";
import { classifierHead, spanHead, textEncoder, textPooler } from "../../models/text/text_heads.js";
import * as nn from "../../nn/layers.js";
import type { Task } from "../task.js";
import { IGNORE } from "./masked_language.js";

const loss = (logits: Tensor, targets: Tensor): Tensor =>
  applyOp(crossEntropy, [logits, targets, null], { ignoreIndex: IGNORE, smoothing: 0 })[0];

const inputsOf = ({ ids, types, mask, present }: Record<string, Tensor>) => ({ ids, types, mask, present });

/** One class per text. Inputs: those of the encoder, and `labels` i32 `[N]`, as {@link sequenceBatch} makes them. */
export const sequenceClassification = (config: TextConfig): Task => ({
  forward: (inputs) => {
    const pooled = nn.dropout(textPooler(textEncoder(inputsOf(inputs), config), config));
    return { loss: loss(classifierHead(pooled, config.labels.length), inputs.labels) };
  },
});

/**
 * One class per token. Inputs: those of the encoder, and `labels` i32 `[N, S]`, -100 for ignored tokens; see {@link
 * tokenBatch}.
 */
export const tokenClassification = (config: TextConfig): Task => ({
  forward: (inputs) => {
    const hidden = nn.dropout(textEncoder(inputsOf(inputs), config));
    return { loss: loss(classifierHead(hidden, config.labels.length), inputs.labels) };
  },
});

/**
 * Start and end of an answer. Inputs: those of the encoder, and `starts` and `ends` i32 `[N]`, -100 for ignored rows;
 * see {@link spanBatch}.
 */
export const spanSelection = (config: TextConfig): Task => ({
  forward: (inputs) => {
    const logits = spanHead(textEncoder(inputsOf(inputs), config));
    const [N, S] = logits.shape;
    const side = (i: number) => nn.reshape(nn.slice(logits, [0, 0, i], [N, S, 1]), [N, S]);
    const both = nn.binary(loss(side(0), inputs.starts), loss(side(1), inputs.ends), "add");
    const half = applyOp(fill, [], { shape: [1], value: 0.5 })[0];
    return { loss: applyOp(binary, [both, half], { kind: "mul" })[0] };
  },
});
