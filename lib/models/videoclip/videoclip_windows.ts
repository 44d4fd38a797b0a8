import type { Tensor } from "../../graph/tensor.js";
import * as nn from "../../nn/layers.js";
import { rowsFor } from "../buckets.js";
import type { VideoClipConfig } from "./videoclip_config.js";
import { videoTower } from "./videoclip_graph.js";
import { type VideoFeatures, videoInputs } from "./videoclip_input.js";

/**
 * Starts of the windows that cover `length` rows: one every `step`. The last window is the first that reaches the end,
 * and may be shorter.
 */
export function windowStarts(length: number, window = 32, step = 16): number[] {
  const starts = [0];
  while (starts[starts.length - 1] + window < length) starts.push(starts[starts.length - 1] + step);
  return starts;
}

/**
 * Inputs of the video tower for the windows of a video, as in fairseq's MMPT for steps of long videos: [CLS] is masked.
 * @returns arrays of `rows` windows, the next power of two, padded with empty windows
 */
export function windowInputs(video: VideoFeatures, starts: readonly number[], c: VideoClipConfig) {
  const windows = starts.map((start) => ({
    video: 0,
    start,
    end: Math.min(start + c.maxVideoLength, video.shape[0]),
  }));
  const rows = rowsFor(windows.length);
  const { features, ends, mask } = videoInputs([video], windows, rows, c);
  const size = c.maxVideoLength + 2;
  for (let row = 0; row < rows; row++) mask[row * size] = 0;
  return { rows, features, ends, mask };
}

/** Tokens of the last layer `[N, T, hidden]`, one for each feature of N windows. See {@link windowInputs}. */
export function windowTokens(
  { features, ends, mask }: Record<"features" | "ends" | "mask", Tensor>,
  c: VideoClipConfig,
): Tensor {
  const { hidden } = videoTower(features, ends, mask, c);
  const [N, T] = features.shape;
  return nn.slice(hidden, [0, 1, 0], [N, T, c.hiddenSize]);
}
