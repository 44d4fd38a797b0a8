import type { SamplerOptions } from "../data/sampler.js";
import type { VideoClipConfig } from "../models/videoclip/videoclip_config.js";
import { wrongArgument } from "../base/wrong_argument.js";

/** Minimum tokens of a text and seconds of a clip, unless the options or the model say otherwise (Xu et al. 2021). */
const LEAST = { tokens: 8, seconds: 3 };

/**
 * Sampling of clip pairs for a model: texts and clips up to the model's lengths.
 * @throws InvalidArgumentError for lengths beyond them
 */
export function samplingFor(
  { maxTextLength, maxVideoLength }: Pick<VideoClipConfig, "maxTextLength" | "maxVideoLength">,
  { textTokens, videoSeconds, ...rest }: SamplerOptions = {},
): SamplerOptions {
  const tokens = textTokens ?? [Math.min(LEAST.tokens, maxTextLength), maxTextLength];
  const seconds = videoSeconds ?? [Math.min(LEAST.seconds, maxVideoLength), maxVideoLength];
  if (tokens[1] > maxTextLength || seconds[1] > maxVideoLength) {
    throw wrongArgument(
      "sampling",
      `at most ${maxTextLength} tokens and ${maxVideoLength} s, as the model takes`,
      `${tokens[1]} and ${seconds[1]}`,
    );
  }
  return { textTokens: tokens, videoSeconds: seconds, ...rest };
}
