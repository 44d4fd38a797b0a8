// Features of generated videos: one for each second, straight from the frames.
import type { VideoEncoder } from "../dist/models/video/video_encoder.js";
import { renderSeconds, type ShapesVideo } from "./videos.js";

/** Features of a video, one a second: f32 `[seconds, width]`. */
export interface Features {
  data: Float32Array;
  shape: readonly [number, number];
}

/** Features of u8 frames `[seconds * RATE, SIDE, SIDE, 3]`. */
export function clipFeatures(encoder: VideoEncoder, frames: Uint8Array): Promise<Features> {
  return encoder.encode(frames);
}

/** Features of each video. */
export async function videoFeatures(encoder: VideoEncoder, videos: readonly ShapesVideo[]): Promise<Features[]> {
  const out: Features[] = [];
  for (const video of videos) out.push(await clipFeatures(encoder, renderSeconds(video)));
  return out;
}
