// Features of one small clip by each family of video models, for comparisons of backends.
import { VideoEncoder } from "#lib/models/video/video_encoder.js";
import { hashValues } from "#lib/nn/random_weights.js";

/** The models and their smallest clips. */
const CLIPS = {
  "s3d-tiny": { frames: 4, size: 32 },
  s3d: { frames: 8, size: 32 },
  s3dg: { frames: 8, size: 32 },
  "x3d-xs": { frames: 4, size: 32 },
} as const;

export type SmallModel = keyof typeof CLIPS;
export const SMALL_MODELS = Object.keys(CLIPS) as SmallModel[];

/** The feature of a clip of this model with random weights, on the CPU. */
export async function smallFeature(
  model: SmallModel,
  threads: number,
  precision: "f32" | "bf16",
): Promise<Float32Array> {
  const preset = CLIPS[model];
  const clip = hashValues("arm64/", model, preset.frames * preset.size ** 2 * 3);
  const encoder = VideoEncoder.random(7, { model, preset, threads, precision, batch: 1, device: "cpu" });
  try {
    return (await encoder.encode(Uint8Array.from(clip, (v) => (v + 1) * 127))).data;
  } finally {
    encoder.dispose();
  }
}
