// Features of generated videos: one for each second, straight from the frames.
import type { VideoEncoder } from "../dist/models/encoder.js";
import { renderSeconds, type ShapesVideo } from "./videos.js";

/** Features of a video, one a second: f32 `[seconds, width]`. */
export interface Features {
  data: Float32Array;
  shape: readonly [number, number];
}

/** Features of u8 frames `[seconds * RATE, SIDE, SIDE, 3]`. */
export async function clipFeatures(encoder: VideoEncoder, frames: Uint8Array): Promise<Features> {
  const { frames: T, crop } = encoder.preset;
  const bytes = T * crop * crop * 3;
  const clips = frames.length / bytes;
  const data = new Float32Array(clips * encoder.dim);
  for (let first = 0; first < clips; first += encoder.batch) {
    const count = Math.min(encoder.batch, clips - first);
    const part = frames.subarray(first * bytes, (first + count) * bytes);
    data.set(await encoder.encode(part, count), first * encoder.dim);
  }
  return { data, shape: [clips, encoder.dim] };
}

/** Features of each video. */
export async function videoFeatures(encoder: VideoEncoder, videos: readonly ShapesVideo[]): Promise<Features[]> {
  const out: Features[] = [];
  for (const video of videos) out.push(await clipFeatures(encoder, renderSeconds(video)));
  return out;
}
