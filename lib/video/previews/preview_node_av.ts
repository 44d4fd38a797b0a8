import { AV_LOG_QUIET, AVMEDIA_TYPE_AUDIO, AVSEEK_FLAG_BACKWARD } from "node-av/constants";
import { Codec, CodecContext, FFmpegError, Filter, FormatContext, Log, Packet, type Stream } from "node-av/lib";
import { tickAt } from "../clips/clock.js";
import { openCodec, openStream } from "../decode/node_av_decode.js";
import { describeStream } from "../decode/node_av_stream.js";
import { notDecoded, videoError } from "../file.js";
import { audioFilter, frameCount, previewRate, SAMPLE_RATE, videoFilter } from "./preview_filters.js";
import { PreviewOutput } from "./preview_output.js";
import type { PreviewRequest } from "./preview_request.js";
import { PreviewTrack } from "./preview_track.js";

/** Seconds before a moment from which the key frame is searched. */
const SEEK_MARGIN = 0.5;
/** Seconds behind the end of a preview that are read for sound that comes late. */
const SLACK = 5;
/** Packets after which the process looks whether somebody still waits. */
const PACKETS = 50;

/** Which of these encoders this build has. */
export function encodersIn(names: readonly string[]): string[] {
  Log.setLevel(AV_LOG_QUIET);
  return names.filter((name) => Codec.findEncoderByName(name as never) !== null);
}

/** Writes a preview. Runs in a separate process, which is ended when nobody waits for it. @throws VideoError */
export async function writePreview(request: PreviewRequest): Promise<void> {
  const { file, seconds, length, maker, threads } = request;
  Log.setLevel(AV_LOG_QUIET);
  const input = new FormatContext();
  const codec = new CodecContext();
  const packet = new Packet();
  packet.alloc();
  const { stream, decoder } = openStream(input, file);
  codec.allocContext3(decoder);
  codec.parametersToContext(stream.codecpar);
  codec.pktTimebase = stream.timeBase;
  codec.threadCount = threads;
  FFmpegError.throwIfError(openCodec(codec, decoder, file), "the decoder cannot be opened");
  const { source, facts } = describeStream(file, stream, input, codec);
  const { isRaw = false } = facts;
  const { num, den } = stream.timeBase;
  const tick = isRaw ? 0 : tickAt(seconds, facts, stream.timeBase);
  const start = isRaw ? seconds : (tick * num) / den;
  const rate = previewRate(facts.rate);
  const output = new PreviewOutput(request, rate);
  const ratio = stream.sampleAspectRatio;
  const shape = ratio.num > 0 && ratio.den > 0 ? `setsar=${ratio.num}/${ratio.den},` : "";
  const filter = videoFilter(request, { source, start, rate, hasZscale: Filter.getByName("zscale") !== null });
  const video = new PreviewTrack(codec, stream, {
    filter: shape + filter,
    frameTicks: isRaw ? (facts.frameDuration * den) / num : undefined,
    write: (frame, timeBase) => output.video(frame, timeBase),
    count: frameCount(request, rate),
  });
  const audio = isRaw || maker.audio === undefined ? undefined : openAudio(request, input, start, output);
  const tracks = audio === undefined ? [video] : [video, audio];

  /** Reads until the preview is complete or the file ends. */
  const read = async (): Promise<void> => {
    for (let packets = 1; !(video.isDone && (audio?.isDone ?? true)); packets++) {
      if (packets % PACKETS === 0) await new Promise(setImmediate);
      if (input.readFrameSync(packet) < 0) break;
      const track = tracks.find(({ index }) => index === packet.streamIndex);
      const isBehind = track === video && video.secondsOf(packet) > start + length + SLACK;
      track?.send(packet);
      packet.unref();
      if (video.isLate) return;
      if (isBehind && video.isDone) break;
    }
    for (const track of tracks) track.send(null);
  };
  // key frames are found by decoding time, which is before presentation time
  const from = BigInt(tick - Math.ceil((SEEK_MARGIN * den) / num));
  const isSought = seconds > 0 && !isRaw && input.seekFrameSync(stream.index, from, AVSEEK_FLAG_BACKWARD) >= 0;
  if (isSought) video.latest = tick;
  await read();
  if (isSought && (video.isLate || video.first === undefined)) {
    // no key frame before the moment was found
    input.seekFrameSync(stream.index, BigInt(facts.streamStart?.ticks ?? 0), AVSEEK_FLAG_BACKWARD);
    for (const track of tracks) track.reset();
    output.reset();
    await read();
  }
  if (video.first === undefined)
    throw notDecoded(file, videoError("ERR_VIDEO_CORRUPT", file.path, "no frame could be decoded", seconds));
  if (!output.hasFrames) throw videoError("ERR_VIDEO_NO_FRAMES", file.path, "nothing is shown there", seconds);
  output.close();
}

/** The sound of a file: its first audio stream, if it can be decoded. */
function openAudio(
  request: PreviewRequest,
  input: FormatContext,
  start: number,
  output: PreviewOutput,
): PreviewTrack | undefined {
  const stream = input.streams.find(({ codecpar }: Stream) => codecpar.codecType === AVMEDIA_TYPE_AUDIO);
  const decoder = stream && Codec.findDecoder(stream.codecpar.codecId);
  if (!stream || !decoder) return undefined;
  const codec = new CodecContext();
  codec.allocContext3(decoder);
  codec.parametersToContext(stream.codecpar);
  codec.pktTimebase = stream.timeBase;
  if (codec.open2Sync(decoder) < 0) return undefined;
  const size = output.openAudio();
  const filter = `${audioFilter(request, start)},aformat=sample_fmts=${output.sampleFormat},asetnsamples=n=${size}:p=0`;
  return new PreviewTrack(codec, stream, {
    filter,
    write: (frame) => output.audio(frame),
    count: Math.ceil((request.length * SAMPLE_RATE) / size),
  });
}
