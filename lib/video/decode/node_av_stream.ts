import {
  AV_FIELD_PROGRESSIVE,
  AV_FIELD_UNKNOWN,
  AV_PKT_DATA_DISPLAYMATRIX,
  AVCOL_PRI_BT709,
  AVCOL_PRI_BT2020,
  AVCOL_PRI_SMPTE432,
  AVCOL_RANGE_JPEG,
  AVCOL_SPC_BT470BG,
  AVCOL_SPC_BT709,
  AVCOL_SPC_BT2020_CL,
  AVCOL_SPC_BT2020_NCL,
  AVCOL_SPC_FCC,
  AVCOL_SPC_SMPTE170M,
  AVCOL_SPC_SMPTE240M,
  AVCOL_TRC_ARIB_STD_B67,
  AVCOL_TRC_SMPTE2084,
  type AVPixelFormat,
} from "node-av/constants";
import { avGetCodecName, avGetPixFmtName, type CodecContext, type FormatContext, type Stream } from "node-av/lib";
import { checkTimeBase, isJoinable, nominalFrameDuration, type StreamFacts } from "./ending.js";
import type { FileFacts } from "../file.js";
import type { PixelSource } from "../pixels/filters.js";
import { exifOrientation, matrixOrientation, type Orientation } from "../pixels/orientation.js";
import { isRawStream, rawFacts } from "./raw_stream.js";
import type { VideoInfo } from "../types.js";

/** FFmpeg's "no time stamp" (AV_NOPTS_VALUE). */
export const noTimestamp = -(2n ** 63n);

const colorSpaces = new Map<number, string>([
  [AVCOL_SPC_BT709, "bt709"],
  [AVCOL_SPC_FCC, "fcc"],
  [AVCOL_SPC_BT470BG, "bt470bg"],
  [AVCOL_SPC_SMPTE170M, "smpte170m"],
  [AVCOL_SPC_SMPTE240M, "smpte240m"],
  [AVCOL_SPC_BT2020_NCL, "bt2020nc"],
  [AVCOL_SPC_BT2020_CL, "bt2020c"],
]);

const transfers = new Map<number, string>([
  [AVCOL_TRC_SMPTE2084, "smpte2084"],
  [AVCOL_TRC_ARIB_STD_B67, "arib-std-b67"],
]);

const primaries = new Map<number, string>([
  [AVCOL_PRI_BT709, "bt709"],
  [AVCOL_PRI_BT2020, "bt2020"],
  [AVCOL_PRI_SMPTE432, "smpte432"],
]);

/** By FFmpeg's number (AVChromaLocation). */
const chromaLocations = ["unspecified", "left", "center", "topleft", "top", "bottomleft", "bottom"];

/** Facts about an opened stream for the reader, the sampler and the pixel filter. */
export function describeStream(
  file: FileFacts,
  stream: Stream,
  input: FormatContext,
  codec: CodecContext,
): { info: VideoInfo; facts: StreamFacts; source: PixelSource } {
  const { codecpar, timeBase, avgFrameRate } = stream;
  const own = stream.duration > 0n ? (Number(stream.duration) * timeBase.num) / timeBase.den : 0;
  const whole = input.duration > 0n ? Number(input.duration) / 1e6 : 0;
  const frames = Number(stream.nbFrames);
  const rate = avgFrameRate.den > 0 ? avgFrameRate.num / avgFrameRate.den : 0;
  const base = stream.rFrameRate;
  const baseRate = base.den > 0 ? base.num / base.den : 0;
  const format = input.iformat?.name ?? "";
  const isRaw = file.image === undefined && isRawStream(format);
  const named = codecpar.frameRate;
  const fieldOrder = codecpar.toJSON().fieldOrder as number | undefined;
  const isProgressive = [undefined, AV_FIELD_UNKNOWN, AV_FIELD_PROGRESSIVE].includes(fieldOrder as never);
  const source: PixelSource = {
    ...orientationOf(file, stream),
    colorSpace: colorSpaces.get(codecpar.colorSpace) ?? "unknown",
    colorRange: codecpar.colorRange === AVCOL_RANGE_JPEG ? "pc" : "tv",
    pixelFormat: avGetPixFmtName(codec.pixelFormat as AVPixelFormat) ?? "unknown",
    colorTransfer: transfers.get(codecpar.colorTrc),
    colorPrimaries: primaries.get(codecpar.colorPrimaries),
    ...file.colors,
    chromaLocation: chromaLocations[codecpar.chromaLocation] ?? "unspecified",
    fieldOrder: isProgressive ? "progressive" : "interlaced",
  };
  checkTimeBase(file.path, timeBase);
  const facts: StreamFacts = isRaw
    ? rawFacts(named.den > 0 ? named.num / named.den : 0)
    : {
        duration: own,
        frames,
        frameDuration: nominalFrameDuration(rate, baseRate, own, frames),
        rate: rate > 0 ? rate : undefined,
        containerStart: input.startTime === noTimestamp ? undefined : Number(input.startTime),
        streamStart: stream.startTime === noTimestamp ? undefined : { ticks: Number(stream.startTime), timeBase },
        isJoinable: isJoinable(format),
      };
  const info: VideoInfo = {
    path: file.path,
    duration: isRaw ? 0 : own || whole,
    width: codecpar.width,
    height: codecpar.height,
    codec: avGetCodecName(codecpar.codecId) ?? "unknown",
    pixelFormat: source.pixelFormat,
    rotation: source.rotation,
    mirrored: source.mirrored === true,
    framesDecoded: 0,
    ...(isRaw ? { assumedFps: facts.rate } : {}),
  };
  return { info, facts, source };
}

/**
 * From the EXIF block of a picture, otherwise from the display matrix: nine 16.16 fixed-point numbers in machine byte
 * order.
 */
function orientationOf(file: FileFacts, stream: Stream): Orientation {
  if (file.image !== undefined) return exifOrientation(file.orientation ?? 1);
  const data = stream.codecpar.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX);
  if (data === null || data.length < 36) return exifOrientation(1);
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const [a, b, c, d] = [0, 4, 12, 16].map((at) => view.getInt32(at, true));
  return matrixOrientation(a, b, c, d);
}
