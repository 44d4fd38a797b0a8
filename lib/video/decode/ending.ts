import type { VideoError } from "../../base/errors.js";
import type { StreamTimes } from "../clips/clip_maker_types.js";
import { type FileFacts, videoError } from "../file.js";

/** Facts about a video stream by its container; 0 if unknown. */
export interface StreamFacts extends StreamTimes {
  /** Seconds of the video stream. */
  duration: number;
  frames: number;
  /** Nominal seconds per frame. */
  frameDuration: number;
}

/**
 * Nominal seconds per frame: from the average rate, otherwise the stream's duration over its frames, otherwise 1/25.
 */
export function nominalFrameDuration(averageRate: number, duration: number, frames: number): number {
  if (averageRate > 0 && Number.isFinite(averageRate)) return 1 / averageRate;
  return duration > 0 && frames > 0 ? duration / frames : 1 / 25;
}

/**
 * End of the last frame in seconds after the first. The stream's declared duration is used only if every declared frame
 * was decoded; otherwise the last frame has the nominal duration.
 */
export function endOfVideo(lastTime: number, decoded: number, stream: StreamFacts): number {
  const trusted = stream.frames > 0 && decoded === stream.frames && stream.duration > lastTime;
  return trusted ? stream.duration : lastTime + stream.frameDuration;
}

/**
 * The reason why a stream ended early, or undefined. A file is truncated if its container declares more bytes than it
 * has, or if both frames and time are missing (an edit list may hide frames, and sound may be longer than the picture:
 * neither is a fault).
 */
export function earlyEnd(
  file: FileFacts,
  lastTime: number,
  decoded: number,
  stream: StreamFacts,
): VideoError | undefined {
  if (file.image !== undefined || file.isStreamed) return undefined;
  if (file.declaredSize !== undefined) {
    const reason = `the file is truncated: it has ${file.size} of ${file.declaredSize} bytes`;
    return videoError("ERR_VIDEO_TRUNCATED", file.path, `${reason}, ${decoded} frames were decoded`, lastTime);
  }
  const end = lastTime + stream.frameDuration;
  const missing = stream.duration - end;
  if (stream.frames > decoded && missing > Math.max(0.5, 0.02 * stream.duration)) {
    const reason = `the video ends early: ${decoded} of ${stream.frames} frames, ${end.toFixed(2)} of`;
    const text = `${reason} ${stream.duration.toFixed(2)} seconds could be decoded`;
    return videoError("ERR_VIDEO_TRUNCATED", file.path, text, lastTime);
  }
  return undefined;
}
