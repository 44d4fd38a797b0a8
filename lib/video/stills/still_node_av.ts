import { AV_LOG_QUIET, AV_CODEC_ID_MJPEG, AV_PIX_FMT_RGB24, AVSEEK_FLAG_BACKWARD } from "node-av/constants";
import { Codec, CodecContext, FFmpegError, FormatContext, Frame, Log, Packet } from "node-av/lib";
import { VideoError } from "../../base/errors.js";
import { tickAt } from "../clips/clock.js";
import { notDecoded, videoError } from "../file.js";
import { rgbToJpeg, stillFilter } from "../pixels/filters.js";
import { openCodec, openStream } from "../decode/node_av_decode.js";
import { FrameFilter, framePlanes } from "../decode/node_av_filter.js";
import { describeStream, noTimestamp } from "../decode/node_av_stream.js";
import { HdrStill, type StillPixels } from "./still_hdr.js";
import type { StillRequest } from "./still_request.js";

/** Seconds before a moment from which the key frame is searched. */
const seekMargin = 0.5;

/**
 * A JPEG of the frame that is shown at `seconds` (or of the last one before the file ends), `width` wide. Synchronous.
 * @param goOn called before every packet; an error that it throws ends the work
 */
export function decodeStill(request: StillRequest, goOn: () => void): Uint8Array {
  const { file, seconds, width } = request;
  Log.setLevel(AV_LOG_QUIET);
  const input = new FormatContext();
  const codec = new CodecContext();
  const frame = new Frame();
  const packet = new Packet();
  frame.alloc();
  packet.alloc();
  let pixels: FrameFilter | undefined;
  let shown: Frame | undefined;
  try {
    const { stream, decoder } = openStream(input, file);
    codec.allocContext3(decoder);
    codec.parametersToContext(stream.codecpar);
    codec.pktTimebase = stream.timeBase;
    FFmpegError.throwIfError(openCodec(codec, decoder, file), "the decoder cannot be opened");
    const { source, facts } = describeStream(file, stream, input, codec);
    const tick = tickAt(seconds, facts, stream.timeBase);
    const { num, den } = stream.timeBase;
    let received = 0;
    const stampOf = ({ bestEffortTimestamp: stamp }: Frame): number | undefined => {
      if (facts.isRaw) return Math.round((received++ * facts.frameDuration * den) / num);
      return stamp === noTimestamp ? undefined : Number(stamp);
    };
    /** Keeps the frames up to the moment; true at the first one after it. */
    const receive = (): boolean => {
      for (;;) {
        const status = codec.receiveFrameSync(frame);
        if (status < 0) return false; // no more, or a frame that refers to what came before the key frame
        const stamp = stampOf(frame);
        const isLater = stamp !== undefined && stamp > tick;
        if (shown !== undefined && isLater) return true;
        shown?.free();
        shown = frame.clone() ?? undefined;
        frame.unref();
        if (isLater) {
          isMissed = true;
          return true;
        }
      }
    };
    const decodeFrame = (): void => {
      let found = false;
      while (!found && input.readFrameSync(packet) >= 0) {
        goOn();
        if (packet.streamIndex === stream.index && codec.sendPacketSync(packet) >= 0) found = receive();
        packet.unref();
      }
      if (!found && codec.sendPacketSync(null) >= 0) receive();
    };
    /** Whether the first frame came after the moment. */
    let isMissed = false;
    // key frames are found by decoding time, which is before presentation time
    const from = BigInt(tick - Math.ceil((seekMargin * den) / num));
    const isSought = seconds > 0 && !facts.isRaw && input.seekFrameSync(stream.index, from, AVSEEK_FLAG_BACKWARD) >= 0;
    decodeFrame();
    if (isSought && (isMissed || shown === undefined)) {
      const start = facts.streamStart?.ticks ?? 0;
      input.seekFrameSync(stream.index, BigInt(start), AVSEEK_FLAG_BACKWARD);
      codec.flushBuffers();
      shown?.free();
      shown = undefined;
      decodeFrame();
    }
    if (shown === undefined) {
      throw notDecoded(file, videoError("ERR_VIDEO_CORRUPT", file.path, "no frame could be decoded", seconds));
    }
    const hdr = HdrStill.of(request, source);
    const encode = (out: Frame) => (hdr ? encodeRgb(hdr.pixelsOf(framePlanes(out, hdr.layout))) : encodeJpeg(out));
    pixels = new FrameFilter(hdr?.filter ?? stillFilter(width, source), stream.timeBase);
    for (const out of pixels.push(shown)) return encode(out);
    for (const out of pixels.push(null)) return encode(out); // a deinterlacer waits for the next frame
    throw videoError("ERR_VIDEO_CORRUPT", file.path, "the picture could not be scaled", seconds);
  } finally {
    pixels?.free();
    shown?.free();
    frame.free();
    packet.free();
    codec.freeContext();
    input.closeInputSync();
  }
}

function encodeRgb({ width, height, rgb }: StillPixels): Uint8Array {
  const timeBase = { num: 1, den: 25 };
  const frame = Frame.fromVideoBuffer(rgb, { width, height, format: AV_PIX_FMT_RGB24 });
  const filter = new FrameFilter(rgbToJpeg, timeBase);
  try {
    for (const out of filter.push(frame)) return encodeJpeg(out);
    throw new VideoError("ERR_VIDEO_CORRUPT", "the picture could not be converted");
  } finally {
    filter.free();
    frame.free();
  }
}

function encodeJpeg(frame: Frame): Uint8Array {
  const encoder = Codec.findEncoder(AV_CODEC_ID_MJPEG);
  if (encoder === null) throw new VideoError("ERR_VIDEO_CORRUPT", "this build of FFmpeg has no JPEG encoder");
  const codec = new CodecContext();
  const packet = new Packet();
  packet.alloc();
  try {
    codec.allocContext3(encoder);
    codec.width = frame.width;
    codec.height = frame.height;
    codec.pixelFormat = frame.format as typeof codec.pixelFormat;
    codec.colorRange = frame.colorRange;
    codec.timeBase = { num: 1, den: 25 } as typeof codec.timeBase;
    FFmpegError.throwIfError(codec.open2Sync(encoder), "the JPEG encoder cannot be opened");
    FFmpegError.throwIfError(codec.sendFrameSync(frame), "the picture cannot be encoded");
    codec.sendFrameSync(null);
    FFmpegError.throwIfError(codec.receivePacketSync(packet), "the picture cannot be encoded");
    return Uint8Array.from(packet.data!);
  } finally {
    packet.free();
    codec.freeContext();
  }
}
