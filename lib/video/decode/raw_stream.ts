import { longestStillSeconds } from "../clips/clock.js";
import type { StreamFacts } from "./ending.js";

/** FFmpeg's demuxers of video without a container. Frames have no time stamps there, or ones that FFmpeg made up. */
const rawFormats = new Set(
  ["h264", "hevc", "vvc", "evc", "mpegvideo", "m4v", "obu", "av1", "mjpeg", "jpeg_pipe"].concat(
    ["h261", "h263", "vc1", "dirac", "dnxhd", "cavsvideo", "avs2", "avs3"], // prettier-ignore
  ),
);

/** Frames a second that FFmpeg assumes where the headers of a raw stream name no rate. */
const assumedRate = 25;

/** Whether FFmpeg's demuxer of that name reads video without a container. */
export function isRawStream(format: string): boolean {
  return rawFormats.has(format);
}

/**
 * The times of a raw stream: its frames follow each other at the rate that its headers name, or 25 a second if they name none. A rate
 * of less than a frame an hour comes from damaged headers and is passed over.
 */
export function rawFacts(namedRate: number): StreamFacts {
  const rate = namedRate >= 1 / longestStillSeconds && Number.isFinite(namedRate) ? namedRate : assumedRate;
  return { duration: 0, frames: 0, frameDuration: 1 / rate, rate, isRaw: true };
}
