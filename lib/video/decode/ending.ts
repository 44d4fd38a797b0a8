import type { VideoError } from "../../base/errors.js";
import { longestStillSeconds } from "../clips/clock.js";
import type { ClipMaker, StreamTimes } from "../clips/clip_maker_types.js";
import { type FileFacts, videoError } from "../file.js";

/** Whether FFmpeg's demuxer of that name reads MPEG's transport or program streams. */
export function isJoinable(format: string): boolean {
  return format === "mpegts" || format === "mpeg";
}

/** What the container declares about a video stream; 0 where it does not say. */
export interface StreamFacts extends StreamTimes {
  /** Seconds of the video stream. */
  duration: number;
  frames: number;
  /** Nominal seconds per frame. */
  frameDuration: number;
}

/**
 * Refuses a time base whose single tick is longer than any still frame: the header is damaged, and such a video would never end.
 * @throws VideoError ERR_VIDEO_CORRUPT
 */
export function checkTimeBase(path: string, { num, den }: { num: number; den: number }): void {
  const seconds = num / den;
  if (seconds <= longestStillSeconds || !(den > 0)) return;
  throw videoError(
    "ERR_VIDEO_CORRUPT",
    path,
    `its header is damaged: one tick of its clock lasts ${seconds.toFixed(0)} seconds`,
  );
}

/** Base rates above this are the steps of a clock, not those of frames. */
const highestRate = 120;

/**
 * Nominal seconds per frame: from the average rate, else the base rate (FFmpeg's `r_frame_rate`), else the stream's duration over its
 * frames, else 1/25. A value above an hour comes from a damaged header and is passed over.
 */
export function nominalFrameDuration(averageRate: number, baseRate: number, duration: number, frames: number): number {
  const candidates = [1 / averageRate, baseRate <= highestRate ? 1 / baseRate : 0, duration / frames];
  return candidates.find((seconds) => seconds > 0 && seconds <= longestStillSeconds) ?? 1 / 25;
}

/**
 * Where the last frame ends, in seconds after the first. The stream's declared duration says so only when every declared
 * frame was decoded; otherwise the frame lasts one nominal duration (`ClipMaker.frameDuration`).
 */
export function endOfVideo(
  { time, frameDuration }: Pick<ClipMaker, "time" | "frameDuration">,
  decoded: number,
  stream: StreamFacts,
): number {
  const rest = stream.duration - time;
  const isTrusted = stream.frames > 0 && decoded === stream.frames && rest > 0 && rest <= longestStillSeconds;
  return isTrusted ? stream.duration : time + frameDuration;
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
