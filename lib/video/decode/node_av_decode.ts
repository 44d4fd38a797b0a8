import {
  AV_CODEC_FLAG_BITEXACT,
  AV_DISPOSITION_ATTACHED_PIC,
  AV_DISPOSITION_DEFAULT,
  AV_DISPOSITION_DEPENDENT,
  AV_FRAME_FLAG_CORRUPT,
  AV_LOG_QUIET,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  AVMEDIA_TYPE_VIDEO,
} from "node-av/constants";
import type { Stream } from "node-av/lib";
import {
  Codec,
  CodecContext,
  Dictionary,
  FFmpegError,
  FormatContext,
  Frame,
  InputFormat,
  Log,
  Packet,
} from "node-av/lib";
import { chooseStream } from "./choose_stream.js";
import { checkContainer, checkHeader, checkPixels } from "./containers.js";
import { earlyEnd, endOfVideo, type StreamFacts } from "./ending.js";
import { type FileFacts, notDecoded, videoError } from "../file.js";
import { UnbrokenClips } from "../clips/broken_spans.js";
import { clipMaker } from "../clips/clip_maker.js";
import type { ClipMaker } from "../clips/clip_maker_types.js";
import type { TimeBase } from "../clips/clock.js";
import { deinterlaceFilter } from "../pixels/filters.js";
import { FrameFilter } from "./node_av_filter.js";
import { FramePixels } from "./node_av_pixels.js";
import { hdrNote } from "../pixels/planes.js";
import { describeStream, noTimestamp } from "./node_av_stream.js";
import type { Clip, OnError, Preset, VideoInfo } from "../types.js";

/**
 * One step of decoding. `clip` is undefined in the first step, which reports the opened stream, and in the last, which
 * reports its end.
 */
export interface DecodeStep {
  info: VideoInfo;
  clip?: Clip | undefined;
}

/** Functions that decoding calls. */
export interface DecodeContext {
  /** Called before every packet: whether nobody reads the clips any more. */
  isStopped(): boolean;
  /** Allocates memory for the next clip. */
  take(): Uint8Array;
  /** Default `skip`. */
  onError?: OnError | undefined;
}

/** Decodes a file synchronously to clips; runs in the worker. */
export function* decodeClips(
  file: FileFacts,
  preset: Preset,
  threads: number,
  context: DecodeContext,
): Generator<DecodeStep> {
  Log.setLevel(AV_LOG_QUIET);
  const input = new FormatContext();
  const codec = new CodecContext();
  try {
    const { stream, decoder } = openStream(input, file);
    codec.allocContext3(decoder);
    codec.parametersToContext(stream.codecpar);
    codec.pktTimebase = stream.timeBase;
    codec.threadCount = threads;
    codec.setFlags(AV_CODEC_FLAG_BITEXACT); // gives the same pixels on every version of FFmpeg and every processor
    const status = openCodec(codec, decoder, file);
    if (status < 0) throw videoError("ERR_VIDEO_FORMAT", file.path, `the decoder cannot be opened: ${text(status)}`);
    yield* new Decoding(file, preset, input, codec, stream, context).run(context.isStopped);
  } finally {
    codec.freeContext();
    input.closeInputSync();
  }
}

/** Opens a decoder with the limits of its file. @returns FFmpeg's status */
export function openCodec(codec: CodecContext, decoder: Codec, { maxPixels }: FileFacts): number {
  // node-av frees a dictionary of options twice, so the option is set
  if (maxPixels !== undefined) codec.setOption("max_pixels", maxPixels);
  return codec.open2Sync(decoder);
}

/** Opens a file and its video stream. @throws VideoError */
export function openStream(input: FormatContext, file: FileFacts): { stream: Stream; decoder: Codec } {
  checkHeader(file);
  const format = file.image === undefined ? null : InputFormat.findInputFormat(file.image);
  // Only local files: a playlist or a reference inside a file must not open the network. All programs of a transport stream are looked
  // for, as FFmpeg's own programs do.
  const options = Dictionary.fromObject({ protocol_whitelist: "file", scan_all_pmts: "1" });
  const opened = input.openInputSync(`file:${file.path}`, format, options);
  options.free();
  if (opened < 0) {
    throw notDecoded(file, videoError("ERR_VIDEO_FORMAT", file.path, `is not a video or image: ${text(opened)}`));
  }
  checkContainer(file, input.iformat?.name ?? "");
  // before the next call, which decodes frames without a limit; the container has the sizes of most videos
  for (const { codecpar } of input.streams) checkPixels(file, codecpar.width, codecpar.height);
  input.findStreamInfoSync();
  const candidates = input.streams.map((stream) => ({
    stream,
    index: stream.index,
    isVideo: stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO,
    isAttached: (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) !== 0,
    isTile: (stream.disposition & AV_DISPOSITION_DEPENDENT) !== 0,
    isDefault: (stream.disposition & AV_DISPOSITION_DEFAULT) !== 0,
    width: stream.codecpar.width,
    height: stream.codecpar.height,
  }));
  const { stream } = chooseStream(file, candidates);
  const { codecId, width, height } = stream.codecpar;
  checkPixels(file, width, height);
  const decoder = Codec.findDecoder(codecId);
  if (decoder === null) throw videoError("ERR_VIDEO_FORMAT", file.path, "no decoder for its video codec");
  return { stream, decoder };
}

/** One pass over a stream. */
class Decoding {
  private readonly info: VideoInfo;
  private readonly facts: StreamFacts;
  private readonly clips: ClipMaker;
  private readonly pixels: FramePixels;
  private readonly deinterlace: FrameFilter | undefined;
  private readonly frame = new Frame();
  private readonly packet = new Packet();
  private failure: string | undefined;
  private readonly unbroken: UnbrokenClips;
  /** Memory of clips that were left out. */
  private readonly spare: Uint8Array[] = [];
  /** Whether the decoder said that the next frame is broken, and that frames before it are lost. */
  private isBroken = false;
  private isAfterLoss = false;

  constructor(
    private readonly file: FileFacts,
    preset: Preset,
    private readonly input: FormatContext,
    private readonly codec: CodecContext,
    private readonly stream: Stream,
    private readonly context: DecodeContext,
  ) {
    const { info, facts, source } = describeStream(file, stream, input, codec);
    this.info = info;
    const note = hdrNote(preset, source);
    if (note !== undefined) info.hdr = note;
    this.facts = facts;
    this.clips = clipMaker(preset, facts, () => this.spare.pop() ?? context.take());
    this.unbroken = new UnbrokenClips(this.clips, facts.frameDuration, (memory) => void this.spare.push(memory));
    this.pixels = new FramePixels(preset, source, info, stream.timeBase, file.image !== undefined);
    const deinterlace = deinterlaceFilter(source);
    if (deinterlace !== undefined) this.deinterlace = new FrameFilter(deinterlace, stream.timeBase);
    this.frame.alloc();
    this.packet.alloc();
  }

  *run(isStopped: () => boolean): Generator<DecodeStep> {
    try {
      yield { info: { ...this.info } };
      while (this.failure === undefined) {
        if (isStopped()) return;
        const status = this.input.readFrameSync(this.packet);
        if (status < 0) {
          if (status !== AVERROR_EOF) this.failure = `the container cannot be read on: ${text(status)}`;
          break;
        }
        if (this.packet.streamIndex === this.stream.index) yield* this.send(this.packet);
        this.packet.unref();
        // data after a picture is not shown: vendor data, or a second picture such as a gain map
        if (this.file.image !== undefined && this.info.framesDecoded > 0) break;
      }
      // After a failure the stream has no more frames: those in the decoder depend on the broken data.
      if (this.failure === undefined) yield* this.send(null);
      yield* this.finish();
    } finally {
      this.clips.free();
      this.frame.free();
      this.packet.free();
      this.pixels.free();
      this.deinterlace?.free();
    }
  }

  private *send(packet: Packet | null): Generator<DecodeStep> {
    const sent = this.codec.sendPacketSync(packet);
    // Streams that were cut out of longer ones start with packets that refer to frames before the cut; packets after a
    // picture do not belong to it.
    const counts = this.info.framesDecoded > 0 && this.file.image === undefined;
    if (sent < 0 && sent !== AVERROR_EOF && counts) this.noteLost(`a packet cannot be decoded: ${text(sent)}`);
    while (this.failure === undefined) {
      const received = this.codec.receiveFrameSync(this.frame);
      if (received === AVERROR_EAGAIN || received === AVERROR_EOF) break;
      if (received < 0) {
        if (counts) this.noteLost(`a frame cannot be decoded: ${text(received)}`);
        break;
      }
      if (this.frame.decodeErrorFlags !== 0 || this.frame.hasFlags(AV_FRAME_FLAG_CORRUPT)) {
        if (this.stopsAtBroken("a frame has broken data")) break;
        this.isBroken = true;
      }
      if (this.deinterlace === undefined) yield* this.take(this.frame, this.stream.timeBase);
      else for (const each of this.deinterlace.push(this.frame)) yield* this.take(each, this.deinterlace.timeBase);
      this.frame.unref();
    }
    if (packet === null && this.deinterlace !== undefined) {
      for (const each of this.deinterlace.push(null)) yield* this.take(each, this.deinterlace.timeBase);
    }
  }

  /** Notes that a frame is lost, or ends the video there. */
  private noteLost(reason: string): void {
    this.isAfterLoss = !this.stopsAtBroken(reason);
  }

  /** Whether the video ends at broken data. */
  private stopsAtBroken(reason: string): boolean {
    const { onError = "skip" } = this.context;
    if (onError === "skip" && this.file.image === undefined) return false;
    this.failure = reason;
    return true;
  }

  private *take(frame: Frame, timeBase: TimeBase): Generator<DecodeStep> {
    this.info.framesDecoded++;
    const stamp = this.deinterlace === undefined ? frame.bestEffortTimestamp : frame.pts;
    const ticks = stamp === noTimestamp ? undefined : Number(stamp);
    const { isBroken, isAfterLoss } = this;
    const state = { isBroken, isAfterLoss, isKey: frame.keyFrame !== 0 };
    this.isBroken = this.isAfterLoss = false;
    yield* this.withInfo(this.unbroken.push(ticks, timeBase, () => this.pixels.hold(frame), state));
  }

  private *withInfo(clips: Iterable<Clip>): Generator<DecodeStep> {
    for (const clip of clips) yield { info: { ...this.info }, clip };
  }

  private *finish(): Generator<DecodeStep> {
    const { info, file, facts, clips } = this;
    if (info.framesDecoded === 0 && file.declaredSize === undefined && file.picture !== undefined) {
      throw notDecoded(file, videoError("ERR_VIDEO_CORRUPT", file.path, "no frame could be decoded", 0));
    }
    if (this.isAfterLoss) this.unbroken.begin();
    const early =
      this.unbroken.endsBroken && file.declaredSize === undefined
        ? undefined
        : earlyEnd(file, clips.time, info.framesDecoded, facts);
    const corrupt = this.failure ?? (info.framesDecoded === 0 ? "no frame could be decoded" : undefined);
    const end = endOfVideo(clips, info.framesDecoded, facts);
    info.duration = info.framesDecoded === 0 ? 0 : clips.lateness + end;
    this.unbroken.endAt(info.duration);
    if (this.unbroken.spans.length > 0) info.broken = this.unbroken.spans;
    if (early ?? corrupt) yield { info: { ...info } };
    if (early !== undefined && (this.failure === undefined || file.declaredSize !== undefined)) throw early;
    if (corrupt !== undefined) throw videoError("ERR_VIDEO_CORRUPT", file.path, corrupt, clips.time);
    yield* this.withInfo(this.unbroken.finish(end));
    yield { info: { ...info } }; // the last clip may have been complete before the end
  }
}

function text(status: number): string {
  return FFmpegError.strerror(status);
}
