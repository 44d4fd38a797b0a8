import { InvalidArgumentError, VideoError } from "../errors.js";
import type { VideoEncoder } from "../models/encoder.js";
import { openVideo as openVideoDefault } from "../video/index.js";
import type { Clip, CropPosition, DecoderName, OpenVideoFunction } from "../video/types.js";

export interface ViewsOptions {
  encoder: VideoEncoder;
  /** Clips, spread evenly from the start of the video to its end. Default 10. */
  clips?: number;
  /** Squares of each frame: 1, the one in the middle, or 3 along the longer side. Default 3. */
  crops?: 1 | 3;
  decoder?: DecoderName;
  signal?: AbortSignal;
  /** @internal for tests */
  openVideo?: OpenVideoFunction;
}

/** A video's row, averaged over its views. */
export interface VideoViews {
  /** float32 `[dim]` */
  row: Float32Array;
  /** Views that were averaged, and the clips' starts in seconds. */
  views: number;
  starts: number[];
}

const POSITIONS: Record<number, CropPosition[]> = { 1: ["center"], 3: ["low", "center", "high"] };

/**
 * One row for a whole video: the mean of the encoder's output over clips and crops. With X3D's `probabilities` this is how
 * SlowFast and PyTorchVideo score a video (30 views: 10 clips, 3 crops): each view's classes sum to one, each view counts
 * the same, and within a view positions are averaged as the weights' publisher does. SlowFast's 10 views are `crops: 1` at the
 * train crop. Clips start on the preset's grid of frames; where two start at the same frame, it counts twice.
 * @throws VideoError, `ERR_VIDEO_DURATION` where the file does not say how long it is; InvalidArgumentError
 */
export async function averageViews(path: string, options: ViewsOptions): Promise<VideoViews> {
  const { encoder, clips = 10, crops = 3 } = options;
  if (!Number.isInteger(clips) || clips < 1 || clips > 1000) {
    throw new InvalidArgumentError(`clips: expected an integer from 1 to 1000, received ${clips}`, {
      argument: "clips",
    });
  }
  if (!POSITIONS[crops])
    throw new InvalidArgumentError(`crops: expected 1 or 3, received ${crops}`, { argument: "crops" });
  const sum = new Float64Array(encoder.dim);
  let views = 0;
  let starts: number[] = [];
  for (const position of POSITIONS[crops]) {
    starts = [];
    let batch: View[] = [];
    const flush = async () => {
      const rows = await encode(encoder, batch, options.signal);
      batch.forEach(({ weight }, n) => {
        rows[n].forEach((v, i) => (sum[i] += weight * v));
        views += weight;
      });
      batch = [];
    };
    for await (const view of viewsOf(path, position, options, clips)) {
      for (let i = 0; i < view.weight; i++) starts.push(view.clip.start);
      batch.push(view);
      if (batch.length === encoder.batch) await flush();
    }
    if (batch.length > 0) await flush();
  }
  if (views === 0) throw new VideoError("ERR_VIDEO_NO_FRAMES", `${path}: no frame was decoded`, { file: path });
  return { row: Float32Array.from(sum, (v) => v / views), views, starts };
}

/** A clip that stands for `weight` views: in a short video several start at the same frame. */
interface View {
  clip: Clip;
  weight: number;
}

async function encode(encoder: VideoEncoder, views: View[], signal?: AbortSignal): Promise<Float32Array[]> {
  const size = views[0].clip.frames.length;
  const input = new Uint8Array(views.length * size);
  views.forEach(({ clip }, i) => input.set(clip.frames, i * size));
  const rows = await encoder.encode(input, views.length, { signal });
  return views.map((_, i) => rows.subarray(i * encoder.dim, (i + 1) * encoder.dim));
}

/** The clips nearest to evenly spread starts, in one pass over the clips that start at every sampled frame. */
async function* viewsOf(
  path: string,
  cropPosition: CropPosition,
  { encoder, decoder, signal, openVideo = openVideoDefault }: ViewsOptions,
  clips: number,
): AsyncGenerator<View> {
  const { fps, frames } = encoder.preset;
  const video = await openVideo(path, { preset: { ...encoder.preset, stride: 1, cropPosition }, decoder, signal });
  try {
    const { duration } = video.info;
    if (!(duration > 0) && clips > 1) {
      throw new VideoError("ERR_VIDEO_DURATION", `${path}: it does not say how long it is; use clips: 1`, {
        file: path,
      });
    }
    // the last start, in sampled frames
    const room = duration > 0 ? Math.max(0, Math.round(duration * fps) - frames) : 0;
    const left = new Map<number, number>();
    for (let i = 0; i < clips; i++) {
      const start = Math.round(clips > 1 ? (i * room) / (clips - 1) : room / 2);
      left.set(start, (left.get(start) ?? 0) + 1);
    }
    let last: Clip | undefined;
    for await (const clip of video) {
      last = clip;
      const weight = left.get(clip.index);
      if (!weight) continue;
      left.delete(clip.index);
      yield { clip, weight };
      if (left.size === 0) return;
    }
    // shorter than it said: its last clip stands for those that would start later
    const weight = [...left.values()].reduce((a, b) => a + b, 0);
    if (last) yield { clip: last, weight };
  } finally {
    await video.close();
  }
}
