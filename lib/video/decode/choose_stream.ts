import type { VideoError } from "../../base/errors.js";
import { type FileFacts, notDecoded, videoError } from "../file.js";

/** What the choice of a video stream goes by. */
export interface StreamCandidate {
  index: number;
  isVideo: boolean;
  /** A cover or another picture that is attached to the file. */
  isAttached: boolean;
  /** Whether the container marks the stream as one that is played unless another is asked for. */
  isDefault: boolean;
  /** A part of a picture that is stored in tiles. */
  isTile?: boolean | undefined;
  /** 0 where the container does not say. */
  width: number;
  height: number;
}

const tiles = "is a picture of several tiles, which are not put together: convert it to JPEG or PNG";

/**
 * The video stream of a file, by one rule for both decoders. Attached pictures are no video. Of the others one that the
 * container marks as default goes first, then the one with the most pixels in a frame, then the first.
 * @throws VideoError ERR_VIDEO_NO_STREAM, ERR_VIDEO_FORMAT
 */
export function chooseStream<T extends StreamCandidate>(file: FileFacts, streams: readonly T[]): T {
  const films = streams.filter(({ isVideo, isAttached }) => isVideo && !isAttached);
  if (films.length === 0) throw notDecoded(file, noVideo(file.path, streams));
  const chosen = films.reduce((best, each) => (isBetter(each, best) ? each : best));
  if (chosen.isTile) throw videoError("ERR_VIDEO_FORMAT", file.path, tiles);
  return chosen;
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
