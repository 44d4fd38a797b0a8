import { AV_LOG_QUIET, AV_CODEC_ID_MJPEG, AVERROR_EAGAIN, AVERROR_EOF, AVSEEK_FLAG_BACKWARD } from "node-av/constants";
import { Codec, CodecContext, FFmpegError, FormatContext, Frame, Log, Packet } from "node-av/lib";
import { VideoError } from "../errors.js";
import { type FileFacts, videoError } from "./file.js";
import { stillFilter } from "./filters.js";
import { openStream } from "./node_av_decode.js";
import { FrameFilter } from "./node_av_filter.js";
import { describeStream, noTimestamp } from "./node_av_stream.js";

/** A JPEG of the frame that is shown at `seconds` (or of the last one before the file ends), `width` wide. Synchronous. */
export function decodeStill(file: FileFacts, seconds: number, width: number): Uint8Array {
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
    FFmpegError.throwIfError(codec.open2Sync(decoder), "the decoder cannot be opened");
    const { source } = describeStream(file, stream, input, codec);
    const { num, den } = stream.timeBase;
    // times count from the stream's own zero, as those of clips do; where it cannot seek it decodes from the start
    if (seconds > 0) input.seekFrameSync(stream.index, BigInt(Math.floor((seconds * den) / num)), AVSEEK_FLAG_BACKWARD);
    /** Keeps the frames up to the moment; true at the first one after it. */
    const receive = (): boolean => {
      for (;;) {
        const status = codec.receiveFrameSync(frame);
        if (status === AVERROR_EAGAIN || status === AVERROR_EOF) return false;
        if (status < 0) return false; // frames that refer to what came before the key frame
        const stamp = frame.bestEffortTimestamp;
        const time = stamp === noTimestamp ? 0 : (Number(stamp) * num) / den;
        if (shown !== undefined && time > seconds) return true;
        shown?.free();
        shown = frame.clone() ?? undefined;
        frame.unref();
        if (time > seconds) return true;
      }
    };
    let found = false;
    while (!found && input.readFrameSync(packet) >= 0) {
      if (packet.streamIndex === stream.index && codec.sendPacketSync(packet) >= 0) found = receive();
      packet.unref();
    }
    if (!found && codec.sendPacketSync(null) >= 0) receive();
    if (shown === undefined) throw videoError("ERR_VIDEO_CORRUPT", file.path, "no frame could be decoded", seconds);
    pixels = new FrameFilter(stillFilter(width, source), stream.timeBase);
    for (const out of pixels.push(shown)) return encodeJpeg(out);
    for (const out of pixels.push(null)) return encodeJpeg(out); // a deinterlacer waits for the next frame
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
