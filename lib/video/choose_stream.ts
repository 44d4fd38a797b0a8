import type { VideoError } from "../errors.js";
import { videoError } from "./file.js";

/** What the choice of a video stream goes by. */
export interface StreamCandidate {
  index: number;
  isVideo: boolean;
  /** A cover or another picture that is attached to the file. */
  isAttached: boolean;
  /** Whether the container marks the stream as one that is played unless another is asked for. */
  isDefault: boolean;
  /** 0 where the container does not say. */
  width: number;
  height: number;
}

/**
 * The video stream of a file, by one rule for both decoders. Attached pictures are no video. Of the others one that the
 * container marks as default goes first, then the one with the most pixels in a frame, then the first.
 * @throws VideoError ERR_VIDEO_NO_STREAM
 */
export function chooseStream<T extends StreamCandidate>(path: string, streams: readonly T[]): T {
  const films = streams.filter(({ isVideo, isAttached }) => isVideo && !isAttached);
  if (films.length === 0) throw noVideo(path, streams);
  return films.reduce((best, each) => (isBetter(each, best) ? each : best));
}

function isBetter(one: StreamCandidate, other: StreamCandidate): boolean {
  if (one.isDefault !== other.isDefault) return one.isDefault;
  return one.width * one.height > other.width * other.height;
}

function noVideo(path: string, streams: readonly StreamCandidate[]): VideoError {
  const hasCover = streams.some(({ isAttached }) => isAttached);
  const hasOther = streams.some(({ isAttached }) => !isAttached);
  const cover = hasOther
    ? "has sound and a cover picture but no video stream"
    : "has a cover picture but no video stream";
  const reason = hasCover ? cover : hasOther ? "has sound but no video stream" : "has no streams";
  return videoError("ERR_VIDEO_NO_STREAM", path, reason);
}
