import type { VideoError } from "../../base/errors.js";
import { type FileFacts, notDecoded, videoError } from "../file.js";

/** Facts about a stream for the choice of the video stream. */
export interface StreamCandidate {
  index: number;
  isVideo: boolean;
  /** Whether it is a cover or another picture that is attached to the file. */
  isAttached: boolean;
  /** Whether the container marks the stream as the default. */
  isDefault: boolean;
  /** Whether it is a tile of a larger picture. */
  isTile?: boolean | undefined;
  /** 0 if unknown. */
  width: number;
  height: number;
}

const tiles = "is a picture of several tiles, which are not put together: convert it to JPEG or PNG";

/**
 * Chooses the video stream of a file, in the same way for both decoders. Attached pictures are not candidates. Streams
 * that the container marks as default come first, then the stream with the most pixels per frame, then the first
 * stream.
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
