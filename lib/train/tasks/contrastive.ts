import { type ContrastiveLossAttrs } from "../../ops/index.js";
import { filled, scaled } from "../../autodiff/arithmetic.js";
import type { ParameterStore } from "../../runtime/parameter_store.js";
import type { Tensor } from "../../graph/tensor.js";
import { parameter } from "../../graph/trace.js";
import { textModelOf, type VideoClipConfig } from "../../models/videoclip/videoclip_config.js";
import { pooled, textTower, videoTower } from "../../models/videoclip/videoclip_graph.js";
import { textInputs, type VideoFeatures, videoInputs } from "../../models/videoclip/videoclip_input.js";
import * as nn from "../../nn/layers.js";
import { infoNce, l2Normalize } from "../../nn/losses.js";
import type { ParameterGroup } from "../optimizer.js";
import type { Batch, BatchArray, Task } from "../task.js";

/** A matching video and text. */
export interface VideoTextPair {
  video: VideoFeatures;
  /** Ids of word pieces, without [CLS] and [SEP]. */
  text: readonly number[];
}

/** Parameters that VideoCLIP's configuration freezes. */
export const FROZEN_TEXT: ParameterGroup = { match: "^token_encoder\\.", frozen: true };

/** Key of the learned logarithm of the scale. */
const LOGIT_SCALE = "logit_scale";
/** CLIP's maximum of the scale (Radford et al. 2021, section 2.5). */
const MAX_SCALE = 100;

export interface ContrastiveOptions extends Partial<ContrastiveLossAttrs> {
  /**
   * CLIP's scores instead of raw dot products: cosines times a learned scale, which {@link initializeLogitScale} puts
   * into the store. Compare embeddings of such a model by cosine.
   */
  cosine?: boolean | undefined;
}

/** Sets the learned scale of `cosine` to CLIP's initial value, 1 / 0.07. */
export function initializeLogitScale(store: Pick<ParameterStore, "set">): void {
  store.set(LOGIT_SCALE, [1], Float32Array.of(Math.log(1 / 0.07)));
}

/**
 * VideoCLIP's contrastive pre-training (Xu et al. 2021, section 3): the symmetric InfoNCE of all pairs of a batch. The
 * other rows of the batch are the negatives. Batches are those of {@link contrastiveBatch}.
 * @param options the defaults are VideoCLIP's; fine-tuning for text-to-video retrieval uses `directions: "columns"`
 * (each text is classified among the videos), for video-to-text `"rows"`
 */
export function contrastiveTask(config: VideoClipConfig, options: ContrastiveOptions = {}): Task {
  const { cosine = false, ...attrs } = options;
  const encode = ({ features, ends, mask, pool, ids, textMask, textPool, present }: Record<string, Tensor>) => ({
    a: pooled(videoTower(features, ends, mask, config).hidden, pool, config),
    b: pooled(textTower(ids, textMask, config, present), textPool, config),
  });
  const loss = (video: Tensor, text: Tensor) => (cosine ? cosineLoss : infoNce)(video, text, attrs);
  return {
    forward: (inputs) => {
      const { a, b } = encode(inputs);
      return { loss: loss(a, b) };
    },
    pairs: { encode, loss },
  };
}

function cosineLoss(video: Tensor, text: Tensor, attrs: Partial<ContrastiveLossAttrs>): Tensor {
  // min(e^s, cap) = -max(-e^s, -cap)
  const negative = scaled(nn.unary(parameter(LOGIT_SCALE, [1]), "exp"), -1);
  const scale = scaled(nn.binary(negative, filled([1], -MAX_SCALE), "max"), -1);
  return infoNce(nn.binary(l2Normalize(video), scale, "mul"), l2Normalize(text), attrs);
}

/**
 * Makes a batch of pairs. Features and word pieces beyond the configuration's lengths are cut.
 * @param bucket texts are padded, with [CLS] and [SEP], to the smallest multiple of it that holds the longest
 */
export function contrastiveBatch(pairs: readonly VideoTextPair[], config: VideoClipConfig, bucket = 16): Batch {
  const { maxTextLength: max, maxVideoLength } = config;
  const N = pairs.length;
  const texts = pairs.map(({ text }) => text.slice(0, max));
  const longest = Math.max(...texts.map((text) => text.length)) + 2;
  const S = Math.min(max + 2, Math.ceil(longest / bucket) * bucket);
  const windows = pairs.map(({ video }, i) => ({ video: i, start: 0, end: Math.min(video.shape[0], maxVideoLength) }));
  const v = videoInputs(
    pairs.map(({ video }) => video),
    windows,
    N,
    config,
  );
  const t = textInputs(texts, N, S, config);
  const T = maxVideoLength;
  const inputs: Record<string, BatchArray> = {
    features: { data: v.features, shape: [N, T, config.featureSize] },
    ends: { data: v.ends, shape: [N, 2] },
    mask: { data: v.mask, shape: [N, T + 2] },
    pool: { data: v.pool, shape: [N, T + 2] },
    ids: { data: t.ids, shape: [N, S] },
    textMask: { data: t.mask, shape: [N, S] },
    textPool: { data: t.pool, shape: [N, S] },
  };
  if (textModelOf(config)?.trigram) inputs.present = { data: Float32Array.from(t.mask), shape: [N, S, 1] };
  return { inputs, examples: N };
}
