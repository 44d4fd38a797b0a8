import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { VideoError } from "../../base/errors.js";
import { chooseStream } from "./choose_stream.js";
import { checkContainer, checkPixels } from "./containers.js";
import type { TimeBase } from "../clips/clock.js";
import { checkTimeBase, isJoinable, nominalFrameDuration, type StreamFacts } from "./ending.js";
import { type FileFacts, notDecoded, videoError } from "../file.js";
import type { PixelSource } from "../pixels/filters.js";
import { exifOrientation, printedOrientation } from "../pixels/orientation.js";
import { isRawStream, rawFacts } from "./raw_stream.js";
import type { VideoInfo } from "../types.js";

interface ProbedStream {
  index: number;
  codec_type: string;
  codec_name?: string;
  width?: number;
  height?: number;
  pix_fmt?: string;
  color_space?: string;
  color_range?: string;
  color_transfer?: string;
  color_primaries?: string;
  chroma_location?: string;
  field_order?: string;
  duration_ts?: number;
  nb_frames?: string;
  avg_frame_rate?: string;
  r_frame_rate?: string;
  time_base?: string;
  start_pts?: number;
  disposition?: { default?: number; attached_pic?: number; dependent?: number };
  side_data_list?: { displaymatrix?: string }[];
}

/** Facts about a checked file from the `ffprobe` program. */
export interface Probed {
  info: VideoInfo;
  facts: StreamFacts;
  source: PixelSource;
  /** Index of the video stream in the file. */
  index: number;
  timeBase: TimeBase;
}

/** @throws VideoError for a file without a video stream, or when the program is missing */
export async function probe(file: FileFacts): Promise<Probed> {
  const { stream, format } = await streamOf(file);
  const [num, den] = (stream.time_base ?? "0/1").split("/").map(Number);
  checkTimeBase(file.path, { num, den });
  const own = ((stream.duration_ts ?? 0) * num) / den || 0;
  const frames = Number(stream.nb_frames ?? 0) || 0;
  const average = fraction(stream.avg_frame_rate);
  const name = (format.format_name ?? "").split(",")[0];
  const isRaw = file.image === undefined && isRawStream(name);
  const facts: StreamFacts = isRaw
    ? rawFacts(den / num / (await packetTicks(file)))
    : {
        duration: own,
        frames,
        frameDuration: nominalFrameDuration(average, fraction(stream.r_frame_rate), own, frames),
        rate: average > 0 ? average : undefined,
        containerStart: microseconds(format.start_time),
        streamStart: stream.start_pts === undefined ? undefined : { ticks: stream.start_pts, timeBase: { num, den } },
        isJoinable: isJoinable(name),
      };
  const matrix = stream.side_data_list?.find((each) => each.displaymatrix !== undefined)?.displaymatrix;
  const isPicture = file.image !== undefined;
  const orientation = isPicture ? exifOrientation(file.orientation ?? 1) : printedOrientation(matrix);
  const source: PixelSource = {
    ...orientation,
    colorSpace: stream.color_space ?? "unknown",
    colorRange: stream.color_range ?? "unknown",
    pixelFormat: stream.pix_fmt ?? "unknown",
    colorTransfer: stream.color_transfer,
    colorPrimaries: stream.color_primaries,
    ...file.colors,
    chromaLocation: stream.chroma_location ?? "unspecified",
    fieldOrder: stream.field_order ?? "unknown",
  };
  const info: VideoInfo = {
    path: file.path,
    duration: isRaw ? 0 : own || (microseconds(format.duration) ?? 0) / 1e6,
    width: stream.width ?? 0,
    height: stream.height ?? 0,
    codec: stream.codec_name ?? "unknown",
    pixelFormat: source.pixelFormat,
    ...orientation,
    framesDecoded: 0,
    ...(isRaw ? { assumedFps: facts.rate } : {}),
  };
  return { info, facts, source, index: stream.index, timeBase: num > 0 ? { num, den } : { num: 1, den: 1000 } };
}

/** Microseconds from ffprobe's seconds with six decimals; undefined if it prints none. */
function microseconds(text: string | undefined): number | undefined {
  const parts = /^(-?)(\d+)\.(\d{6})$/.exec(text ?? "");
  return parts ? Number(`${parts[1]}${parts[2]}${parts[3]}`) : undefined;
}

/** The value of a fraction as ffprobe prints it; 0 where it has none. */
function fraction(text = "0/0"): number {
  const [num, den] = text.split("/").map(Number);
  return den > 0 ? num / den : 0;
}

/** Ticks that the first packet of a raw stream lasts: in its headers' rate, whose average FFmpeg's versions print apart. */
async function packetTicks(file: FileFacts): Promise<number> {
  const args = ["-show_entries", "packet=duration", "-read_intervals", "%+#1"];
  const { packets = [] } = JSON.parse(await ffprobe(file, args)) as { packets?: { duration?: number }[] };
  return Number(packets[0]?.duration ?? 0);
}

interface ProbedFormat {
  format_name?: string;
  duration?: string;
  start_time?: string;
}

async function streamOf(file: FileFacts): Promise<{ stream: ProbedStream; format: ProbedFormat }> {
  const text = await ffprobe(file, ["-show_streams", "-show_format"]);
  const { streams = [], format = {} } = JSON.parse(text) as {
    streams?: ProbedStream[];
    format?: ProbedFormat;
  };
  checkContainer(file, format.format_name);
  const candidates = streams.map((stream) => ({
    stream,
    index: stream.index,
    isVideo: stream.codec_type === "video",
    isAttached: stream.disposition?.attached_pic === 1,
    isTile: stream.disposition?.dependent === 1,
    isDefault: stream.disposition?.default === 1,
    width: stream.width ?? 0,
    height: stream.height ?? 0,
  }));
  const { stream, width, height } = chooseStream(file, candidates);
  checkPixels(file, width, height);
  return { stream, format };
}

/** Options of FFmpeg's programs for the limits of a file. */
export const limitArgs = ({ maxPixels }: FileFacts): readonly string[] =>
  maxPixels === undefined ? [] : ["-max_pixels", String(maxPixels)];

/** What the program prints of a file, as JSON. */
async function ffprobe(file: FileFacts, show: readonly string[]): Promise<string> {
  const args = ["-v", "error", ...limitArgs(file), "-print_format", "json", ...show, `file:${file.path}`];
  return promisify(execFile)("ffprobe", args, { maxBuffer: 16 << 20 }).then(
    ({ stdout, stderr }) => {
      checkSaid(file, stderr);
      return stdout;
    },
    (cause) => {
      if (cause.code === "ENOENT") throw missingFfmpeg();
      checkSaid(file, String(cause.stderr));
      const reason = String(cause.stderr ?? cause.message).trim();
      const error = videoError("ERR_VIDEO_FORMAT", file.path, `is not a video or image: ${reason}`, undefined, cause);
      throw notDecoded(file, error);
    },
  );
}

/** @throws VideoError where the program says that a picture is larger than the limit of its file */
function checkSaid(file: FileFacts, text: string): void {
  const [, width, height] = /Picture size (\d+)x(\d+) exceeds/.exec(text) ?? [];
  if (width !== undefined) checkPixels(file, Number(width), Number(height));
}

/** The error where the programs are not on the path. */
export function missingFfmpeg(): VideoError {
  const install = "install it (apt-get install ffmpeg), or use node-av: npm install node-av";
  return new VideoError("ERR_DECODER_MISSING", `the programs ffmpeg and ffprobe are not on the path: ${install}`);
}
