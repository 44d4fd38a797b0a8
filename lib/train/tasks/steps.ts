import { combined, summed } from "../../autodiff/arithmetic.js";
import type { VideoClipConfig } from "../../models/videoclip/videoclip_config.js";
import { pooled, textTower } from "../../models/videoclip/videoclip_graph.js";
import { textModelOf } from "../../models/videoclip/videoclip_config.js";
import { textInputs, type VideoFeatures } from "../../models/videoclip/videoclip_input.js";
import { stepClassifier } from "../../models/videoclip/videoclip_classifier.js";
import { windowInputs, windowTokens } from "../../models/videoclip/videoclip_windows.js";
import * as nn from "../../nn/layers.js";
import { crossEntropy } from "../../nn/losses.js";
import type { Batch, BatchArray, Task } from "../task.js";
import { IGNORE } from "./masked_language.js";

/**
 * Classes of seconds (COIN): cross-entropy of a linear head over the tokens of a video's windows. Batches are those of
 * {@link stepClassificationBatch}.
 */
export const stepClassification = (config: VideoClipConfig, classes: number): Task => ({
  forward: ({ features, ends, mask, labels }) => {
    const logits = stepClassifier(windowTokens({ features, ends, mask }, config), classes);
    return { loss: crossEntropy(logits, labels, { ignoreIndex: IGNORE }) };
  },
});

/**
 * Named steps of a task in time (CrossTask): binary cross-entropy of the dot products of a video's tokens with the pooled texts
 * of the steps. Batches are those of {@link stepLocalisationBatch}.
 */
export const stepLocalisation = (config: VideoClipConfig): Task => ({
  forward: ({ features, ends, mask, ids, textMask, textPool, present, targets, weights }) => {
    const tokens = windowTokens({ features, ends, mask }, config);
    const text = pooled(textTower(ids, textMask, config, present), textPool, config);
    const logits = nn.linearWith(tokens, text, null);
    // softplus(x) - t x, weighted so that the weights sum to 1
    const costs = combined(nn.unary(logits, "softplus"), combined(targets, logits, "mul"), "sub");
    return { loss: nn.reshape(summed(combined(weights, costs, "mul"), [0, 1, 2]), [1]) };
  },
});

/** Inputs that both batches have: windows every `step` seconds. */
function windowsOf(video: VideoFeatures, starts: readonly number[], c: VideoClipConfig) {
  const { rows, features, ends, mask } = windowInputs(video, starts, c);
  const T = c.maxVideoLength;
  const inputs: Record<string, BatchArray> = {
    features: { data: features, shape: [rows, T, c.featureSize] },
    ends: { data: ends, shape: [rows, 2] },
    mask: { data: mask, shape: [rows, T + 2] },
  };
  return { rows, T, inputs };
}

/**
 * The windows of a video with the class of each second.
 * @param labels one for each feature of the video
 */
export function stepClassificationBatch(
  video: VideoFeatures,
  labels: ArrayLike<number>,
  starts: readonly number[],
  config: VideoClipConfig,
): Batch {
  const { rows, T, inputs } = windowsOf(video, starts, config);
  const data = new Int32Array(rows * T).fill(IGNORE);
  starts.forEach((start, row) => {
    for (let t = 0; t < T && start + t < labels.length; t++) data[row * T + t] = labels[start + t];
  });
  return { inputs: { ...inputs, labels: { data, shape: [rows, T] } }, examples: 1 };
}

/**
 * The windows of a video with the steps of its task.
 * @param texts word pieces of each step @param present `[seconds, steps]`: 1 during a step
 */
export function stepLocalisationBatch(
  video: VideoFeatures,
  texts: readonly (readonly number[])[],
  present: ArrayLike<number>,
  starts: readonly number[],
  config: VideoClipConfig,
): Batch {
  const { rows, T, inputs } = windowsOf(video, starts, config);
  const steps = texts.length;
  const K = 4 * Math.ceil(steps / 4); // rounded up so that few programs are compiled
  const kept = texts.map((text) => text.slice(0, config.maxTextLength));
  const longest = Math.max(...kept.map((text) => text.length)) + 2;
  const S = Math.min(config.maxTextLength + 2, 16 * Math.ceil(longest / 16));
  const text = textInputs(kept, K, S, config);
  const targets = new Float32Array(rows * T * K);
  const weights = new Float32Array(rows * T * K);
  let count = 0;
  starts.forEach((start, row) => {
    for (let t = 0; t < T && start + t < video.shape[0]; t++) {
      for (let k = 0; k < steps; k++, count++) {
        targets[(row * T + t) * K + k] = present[(start + t) * steps + k];
        weights[(row * T + t) * K + k] = 1;
      }
    }
  });
  weights.forEach((weight, i) => (weights[i] = weight / count));
  const all: Record<string, BatchArray> = {
    ...inputs,
    ids: { data: text.ids, shape: [K, S] },
    textMask: { data: text.mask, shape: [K, S] },
    textPool: { data: text.pool, shape: [K, S] },
    targets: { data: targets, shape: [rows, T, K] },
    weights: { data: weights, shape: [rows, T, K] },
  };
  if (textModelOf(config)?.trigram) all.present = { data: Float32Array.from(text.mask), shape: [K, S, 1] };
  return { inputs: all, examples: 1 };
}
