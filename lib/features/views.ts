import { InvalidArgumentError, VideoError } from "../base/errors.js";
import { type ClipEncoder, type ClipReading, encodeClips } from "../models/encode_clips.js";
import type { NDArray } from "../base/nd_array.js";
import { decodeVideo } from "../video/index.js";
import { readClips } from "../video/read_clips.js";
import type { Clip, CropPosition, DecodeFunction, DecoderName, VideoInfo } from "../video/types.js";

export interface ViewsOptions {
  /** A `VideoEncoder`, or another encoder of clips. */
  encoder: ClipEncoder;
  /** Clips, spread evenly from the start of the video to its end. Default 10. */
  clips?: number | undefined;
  /** Square crops of each frame: 1, the centre, or 3 along the longer side. Default 3. */
  crops?: 1 | 3 | undefined;
  decoder?: DecoderName | undefined;
  /** Seconds without a frame after which the video fails. Default: no limit. */
  timeout?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Called after each view. */
  onProgress?: ((progress: { views: number; total: number }) => void) | undefined;
}

/** A video's row, averaged over its views: f32 `[dim]`. */
export interface VideoViews extends NDArray {
  shape: readonly [number];
  /** Number of averaged views, and the starts of the clips in seconds. */
  views: number;
  starts: number[];
  /** @deprecated Use `data`. */
  row: Float32Array;
}

const POSITIONS: Record<number, CropPosition[]> = { 1: ["center"], 3: ["low", "center", "high"] };

/** A clip that counts as `weight` views: in a short video several views start at the same frame. */
interface View {
  clip: Clip;
  weight: number;
  position: CropPosition;
}

/**
 * One row for a whole video: the mean of the encoder's output over clips and crops. With X3D's `probabilities` this is
 * how SlowFast and PyTorchVideo score a video (30 views: 10 clips, 3 crops): each view's classes sum to one, all views
 * have equal weight, and within a view positions are averaged as the weights' publisher does. SlowFast's 10 views are
 * `crops: 1` at the train crop. Clips start on the preset's grid of frames; a start that is chosen twice counts twice.
 * @throws VideoError, `ERR_VIDEO_DURATION` when the file has no duration; InvalidArgumentError; the signal's reason
 */
export function averageViews(path: string, options: ViewsOptions): Promise<VideoViews> {
  return averageViewsOf(path, options, decodeVideo);
}

/** `averageViews` with a given decoder. @internal */
export async function averageViewsOf(path: string, options: ViewsOptions, decode: DecodeFunction): Promise<VideoViews> {
  const { encoder, clips = 10, crops = 3, signal, onProgress } = options;
  if (!Number.isInteger(clips) || clips < 1 || clips > 1000) {
    throw new InvalidArgumentError(`clips: expected an integer from 1 to 1000, received ${clips}`, {
      argument: "clips",
      received: clips,
    });
  }
  const positions = POSITIONS[crops];
  if (!positions) {
    throw new InvalidArgumentError(`crops: expected 1 or 3, received ${crops}`, { argument: "crops", received: crops });
  }
  const sum = new Float64Array(encoder.dim);
  const starts: number[] = [];
  let views = 0;
  async function* all(reading: ClipReading): AsyncGenerator<View> {
    for (const position of positions) yield* viewsOf(path, position, clips, options, reading, decode);
  }
  for await (const { clip, weight, position, row } of encodeClips(all, encoder, { signal })) {
    row.forEach((v, i) => (sum[i] += weight * v));
    if (position === positions[0]) starts.push(...Array.from({ length: weight }, () => clip.start));
    views += weight;
    onProgress?.({ views, total: clips * positions.length });
  }
  if (views === 0) throw new VideoError("ERR_VIDEO_NO_FRAMES", `${path}: no frame was decoded`, { file: path });
  const data = Float32Array.from(sum, (v) => v / views);
  return { data, shape: [encoder.dim], views, starts, row: data };
}

/** The clips nearest to evenly spread starts, in one pass over the clips that start at every sampled frame. */
async function* viewsOf(
  path: string,
  position: CropPosition,
  clips: number,
  { encoder, decoder, timeout }: ViewsOptions,
  reading: ClipReading,
  decode: DecodeFunction,
): AsyncGenerator<View> {
  const preset = { ...encoder.preset, stride: 1, cropPosition: position };
  let left = new Map<number, number>();
  // the newest clip is held back: if the video is shorter than its duration, its last clip replaces later ones
  let newest: View | undefined;
  for await (const event of readClips([path], { preset, decoder, timeout, ...reading }, decode)) {
    if (event.type === "failure") throw event.error;
    if (event.type === "open") left = startsOf(path, event.info, clips, encoder);
    if (event.type !== "clip") continue;
    if (newest?.weight) yield newest;
    else if (newest) reading.memory.give(newest.clip.frames);
    const { clip } = event;
    newest = { clip, weight: left.get(clip.index) ?? 0, position };
    left.delete(clip.index);
    if (left.size === 0) break;
  }
  if (!newest) return;
  for (const weight of left.values()) newest.weight += weight;
  yield newest;
}

/** Number of clips that start at each sampled frame. */
function startsOf(path: string, { duration }: VideoInfo, clips: number, { preset }: ClipEncoder): Map<number, number> {
  if (!(duration > 0) && clips > 1) {
    throw new VideoError("ERR_VIDEO_DURATION", `${path}: it does not say how long it is; use clips: 1`, { file: path });
  }
  // the last start, in sampled frames
  const room = duration > 0 ? Math.max(0, Math.round(duration * preset.fps) - preset.frames) : 0;
  const starts = new Map<number, number>();
  for (let i = 0; i < clips; i++) {
    const start = Math.round(clips > 1 ? (i * room) / (clips - 1) : room / 2);
    starts.set(start, (starts.get(start) ?? 0) + 1);
  }
  return starts;
}
