import { crossEntropy } from "../../ops/index.js";
import type { Tensor } from "../../graph/tensor.js";
import { applyOp } from "../../graph/trace.js";
import type { Batch, Task } from "../task.js";
import { IGNORE } from "./masked_language.js";

/**
 * One class per clip. Inputs: `video` f32 `[N, T, H, W, 3]` and `labels` i32 `[N]`.
 * @param network maps the clips to logits `[N, classes]`
 */
export const videoClassification = (network: (video: Tensor) => Tensor, { smoothing = 0 } = {}): Task => ({
  forward: ({ video, labels }) => ({
    loss: applyOp(crossEntropy, [network(video), labels, null], { ignoreIndex: IGNORE, smoothing })[0],
  }),
});

/** Clips of one shape `[T, H, W, 3]`, with their classes. */
export function clipBatch(
  clips: readonly { data: Float32Array; label: number }[],
  shape: readonly [number, number, number, number],
): Batch {
  const size = shape.reduce((a, b) => a * b, 1);
  const data = new Float32Array(clips.length * size);
  clips.forEach((clip, i) => data.set(clip.data, i * size));
  return {
    examples: clips.length,
    inputs: {
      video: { data, shape: [clips.length, ...shape] },
      labels: { data: Int32Array.from(clips, ({ label }) => label), shape: [clips.length] },
    },
  };
}
