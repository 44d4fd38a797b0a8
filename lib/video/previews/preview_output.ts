import {
  AV_CHANNEL_LAYOUT_STEREO,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PIX_FMT_YUV420P,
  AV_SAMPLE_FMT_FLT,
  AV_SAMPLE_FMT_FLTP,
} from "node-av/constants";
import {
  Codec,
  CodecContext,
  FFmpegError,
  FormatContext,
  type Frame,
  Packet,
  Rational,
  type Stream,
} from "node-av/lib";
import { VideoError } from "../../base/errors.js";
import type { TimeBase } from "../clips/clock.js";
import { AUDIO_RATE, encoderOptions } from "./preview_encoders.js";
import { SAMPLE_RATE } from "./preview_filters.js";
import type { PreviewRequest } from "./preview_request.js";

/** Samples of a frame of an encoder that takes any number. */
const ANY_SIZE = 960;

/** An encoder and its stream in the file. */
interface Encoding {
  codec: CodecContext;
  stream: Stream;
  timeBase: TimeBase;
}

/** Encodes frames into the file of a preview. */
export class PreviewOutput {
  #output = new FormatContext();
  #packet = new Packet();
  #audioCodec: CodecContext | undefined;
  #video: Encoding | undefined;
  #audio: Encoding | undefined;
  /** Sound that came before the first picture, whose size the header needs. */
  #held: Frame[] = [];

  constructor(
    private readonly request: PreviewRequest,
    private readonly rate: number,
  ) {
    this.#packet.alloc();
    FFmpegError.throwIfError(
      this.#output.allocOutputContext2(null, request.maker.format, request.output),
      "the container",
    );
    FFmpegError.throwIfError(this.#output.openOutputSync(), "the file of the preview");
  }

  get hasFrames(): boolean {
    return this.#video !== undefined;
  }
  /** FFmpeg's name of the format of samples. */
  get sampleFormat(): string {
    return this.request.maker.audio === "aac" ? "fltp" : "flt";
  }

  /** Opens the encoder of sound. @returns the samples of its frames */
  openAudio(): number {
    const encoder = encoderNamed(this.request.maker.audio!);
    const codec = new CodecContext();
    codec.allocContext3(encoder);
    codec.sampleRate = SAMPLE_RATE;
    codec.channelLayout = AV_CHANNEL_LAYOUT_STEREO;
    codec.sampleFormat = this.sampleFormat === "fltp" ? AV_SAMPLE_FMT_FLTP : AV_SAMPLE_FMT_FLT;
    codec.bitRate = BigInt(AUDIO_RATE);
    codec.timeBase = new Rational(1, SAMPLE_RATE);
    codec.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    FFmpegError.throwIfError(codec.open2Sync(encoder), "the encoder of sound");
    this.#audioCodec = codec;
    return codec.frameSize || ANY_SIZE;
  }

  audio(frame: Frame): void {
    if (this.#audio === undefined) this.#held.push(frame.clone()!);
    else this.#encode(this.#audio, frame);
  }

  video(frame: Frame, timeBase: TimeBase): void {
    this.#video ??= this.#begin(frame, timeBase);
    this.#encode(this.#video, frame);
  }

  /** Forgets the sound that waits. */
  reset(): void {
    for (const frame of this.#held.splice(0)) frame.free();
  }

  /** Completes the file. */
  close(): void {
    for (const encoding of [this.#video, this.#audio]) if (encoding) this.#encode(encoding, null);
    FFmpegError.throwIfError(this.#output.writeTrailerSync(), "the end of the preview");
    this.#output.closeOutputSync();
  }

  /** Opens the encoder of pictures and writes the header. */
  #begin(frame: Frame, timeBase: TimeBase): Encoding {
    const { maker, threads } = this.request;
    const encoder = encoderNamed(maker.video);
    const codec = new CodecContext();
    codec.allocContext3(encoder);
    codec.width = frame.width;
    codec.height = frame.height;
    codec.pixelFormat = AV_PIX_FMT_YUV420P;
    codec.timeBase = new Rational(timeBase.num, timeBase.den);
    codec.framerate = new Rational(timeBase.den, timeBase.num);
    codec.threadCount = threads;
    codec.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    for (const [name, value] of Object.entries(encoderOptions(maker.video, this.rate))) codec.setOption(name, value);
    FFmpegError.throwIfError(codec.open2Sync(encoder), "the encoder of pictures");
    const video = this.#streamOf(codec);
    if (this.#audioCodec) this.#audio = this.#streamOf(this.#audioCodec);
    if (maker.format === "mp4") this.#output.setOption("movflags", "+faststart");
    FFmpegError.throwIfError(this.#output.writeHeaderSync(), "the header of the preview");
    if (this.#audio) for (const held of this.#held) this.#encode(this.#audio, held);
    this.reset();
    return video;
  }

  #streamOf(codec: CodecContext): Encoding {
    const stream = this.#output.newStream();
    stream.timeBase = codec.timeBase;
    FFmpegError.throwIfError(stream.codecpar.fromContext(codec), "a stream of the preview");
    return { codec, stream, timeBase: codec.timeBase };
  }

  #encode({ codec, stream, timeBase }: Encoding, frame: Frame | null): void {
    FFmpegError.throwIfError(codec.sendFrameSync(frame), "a frame cannot be encoded");
    const packet = this.#packet;
    while (codec.receivePacketSync(packet) >= 0) {
      packet.streamIndex = stream.index;
      if (packet.duration === 0n) packet.duration = 1n; // a picture: one tick of its encoder
      packet.rescaleTs(timeBase, stream.timeBase);
      FFmpegError.throwIfError(this.#output.interleavedWriteFrameSync(packet), "the preview cannot be written");
    }
  }
}

function encoderNamed(name: string): Codec {
  const encoder = Codec.findEncoderByName(name as never);
  if (encoder === null) throw new VideoError("ERR_DECODER_MISSING", `this build of FFmpeg has no encoder ${name}`);
  return encoder;
}
