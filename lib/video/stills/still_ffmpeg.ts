import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { tickAt } from "../clips/clock.js";
import { limitArgs, missingFfmpeg, type Probed, probe } from "../decode/ffprobe.js";
import { notDecoded, videoError } from "../file.js";
import { rgbToJpeg, stillFilter } from "../pixels/filters.js";
import { packedFrame } from "../pixels/planes.js";
import { HdrStill, type StillPixels } from "./still_hdr.js";
import type { StillRequest } from "./still_request.js";

const showinfo = "showinfo=checksum=0";
const jpegOutput = ["-c:v", "mjpeg", "-f", "image2pipe"];
/** Maximum bytes that the program may write: the planes of one frame. */
const MAX_BYTES = 1 << 30;

/** What one pass of the program gave: a JPEG, or the planes of an HDR frame. */
interface Pass {
  bytes: Buffer;
  /** Of the planes. */
  width: number;
  height: number;
  /** Time stamps of the first and the last frame that was decoded, in ticks of the stream. */
  firstTick: number | undefined;
  lastTick: number | undefined;
}

/** A JPEG of the frame at a time, by the `ffmpeg` program: the same as `decodeStill` with node-av. */
export async function stillWithFfmpeg(request: StillRequest, signal?: AbortSignal): Promise<Uint8Array> {
  const { file, seconds, width } = request;
  const probed = await probe(file);
  const { facts } = probed;
  const { num, den } = probed.timeBase;
  const tick = tickAt(seconds, facts, probed.timeBase);
  const hdr = HdrStill.of(request, probed.source);
  const filter = hdr ? `${hdr.filter},${showinfo}` : stillFilter(width, probed.source);
  const output = hdr ? ["-f", "rawvideo"] : jpegOutput;
  const inSeconds = (ticks: number) => (ticks * num) / den;
  // one frame a tick: the first is what was shown at the moment, or the first frame
  const timed = facts.isRaw ? `setpts=N*${facts.frameDuration}/TB,${showinfo}` : showinfo;
  const shownAt = (ticks: number) => `${timed},fps=${den}/${num}:start_time=${inSeconds(ticks).toFixed(6)},${filter}`;
  // behind the end: the last frame of those from the last key frame on; frames of HDR are too large to keep all of them
  const last = (pass: Pass) => (hdr ? shownAt(pass.lastTick ?? tick) : `${timed},${filter},reverse`);
  // from the key frame before, and from the file's start where none is found there
  for (const from of seconds > 0 && !facts.isRaw ? [inSeconds(tick), undefined] : [undefined]) {
    let pass = await run(request, probed, [shownAt(tick), output], from, signal);
    const isLate = pass.firstTick !== undefined && pass.firstTick > tick;
    if (isLate && from !== undefined) continue;
    if (pass.bytes.length === 0) pass = await run(request, probed, [last(pass), output], from, signal);
    if (pass.bytes.length === 0) continue;
    if (hdr === undefined) return pass.bytes;
    const planes = packedFrame(hdr.layout, pass.width, pass.height, pass.bytes);
    return encodeRgb(request, hdr.pixelsOf(planes), signal);
  }
  throw notDecoded(file, videoError("ERR_VIDEO_CORRUPT", file.path, "no frame could be decoded", seconds));
}

/**
 * @param how - filters and options of the output
 * @param from - the second of the stream whose key frame before it is started from; undefined for the start of the file.
 */
async function run(
  request: StillRequest,
  { index }: Probed,
  [filter, output]: readonly [string, readonly string[]],
  from: number | undefined,
  signal?: AbortSignal,
): Promise<Pass> {
  const args = [...limitArgs(request.file), "-protocol_whitelist", "file,pipe", "-noautorotate", "-copyts"];
  // where the file cannot be sought in, it is decoded from its start
  if (from !== undefined) args.push("-seek_timestamp", "1", "-noaccurate_seek", "-ss", from.toFixed(6));
  args.push("-i", `file:${request.file.path}`, "-map", `0:${index}`, "-vf", filter, "-frames:v", "1", ...output);
  const { stdout, stderr } = await ffmpeg(request, args, signal);
  const lines = [...stderr.matchAll(/showinfo_(\d+) .* n: *\d+ pts: *(-?\d+) .* s:(\d+)x(\d+) /g)];
  // of the first filter `showinfo` and, where there are two, of the last
  const isDecoded = ([, number]: readonly string[]) => number === lines[0][1];
  const decoded = lines.filter(isDecoded).map(([, , ticks]) => Number(ticks));
  const [, , , width, height] = (lines.find((line) => !isDecoded(line)) ?? []).map(Number);
  return { bytes: stdout, width, height, firstTick: decoded[0], lastTick: decoded.at(-1) };
}

/** A JPEG of RGB, by the encoder of the program. */
async function encodeRgb(request: StillRequest, { width, height, rgb }: StillPixels, signal?: AbortSignal) {
  const input = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", `${width}x${height}`, "-i", "pipe:0"];
  const { stdout } = await ffmpeg(request, [...input, "-vf", rgbToJpeg, ...jpegOutput], signal, rgb);
  return stdout;
}

/** Runs the program. @throws VideoError */
async function ffmpeg(
  { file, seconds }: StillRequest,
  args: readonly string[],
  signal: AbortSignal | undefined,
  input?: Buffer,
): Promise<{ stdout: Buffer; stderr: string }> {
  const options = { encoding: "buffer", maxBuffer: MAX_BYTES, signal } as const;
  const general = ["-hide_banner", "-nostats", ...(input ? [] : ["-nostdin"])];
  const running = promisify(execFile)("ffmpeg", [...general, ...args, "pipe:1"], options);
  running.child.stdin?.on("error", () => {}); // it ended before it read all: its exit code says so
  if (input) running.child.stdin?.end(input);
  const { stdout, stderr } = await running.catch((cause) => {
    signal?.throwIfAborted();
    if (cause.code === "ENOENT") throw missingFfmpeg();
    const reason = String(cause.stderr ?? cause.message).trim();
    const last = reason.split("\n").at(-1) ?? reason;
    throw notDecoded(file, videoError("ERR_VIDEO_CORRUPT", file.path, last, seconds, cause));
  });
  return { stdout, stderr: stderr.toString() };
}
