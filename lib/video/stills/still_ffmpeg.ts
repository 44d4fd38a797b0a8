import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { tickAt } from "../clips/clock.js";
import { missingFfmpeg, type Probed, probe } from "../decode/ffprobe.js";
import { notDecoded, videoError } from "../file.js";
import { stillFilter } from "../pixels/filters.js";
import type { StillRequest } from "./still_worker.js";

/** The result of one pass of the program. */
interface Pass {
  jpeg: Uint8Array;
  /** Whether its first frame is after the moment, so that an earlier key frame is needed. */
  isLate: boolean;
}

/** A JPEG of the frame at a time, by the `ffmpeg` program: the same as `decodeStill` with node-av. */
export async function stillWithFfmpeg(request: StillRequest, signal?: AbortSignal): Promise<Uint8Array> {
  const { file, seconds, width } = request;
  const probed = await probe(file);
  const { num, den } = probed.timeBase;
  const tick = tickAt(seconds, probed.facts, probed.timeBase);
  const filter = stillFilter(width, probed.source);
  const moment = (tick * num) / den;
  // one frame per tick: the first is the frame at the moment, or the first frame
  const shown = `showinfo=checksum=0,fps=${den}/${num}:start_time=${moment.toFixed(6)},${filter}`;
  // after the end: the last frame after the last key frame
  const last = `showinfo=checksum=0,${filter},reverse`;
  // from the key frame before, or from the start of the file if none is found
  for (const from of seconds > 0 ? [moment, undefined] : [undefined]) {
    for (const filters of [shown, last]) {
      const { jpeg, isLate } = await run(request, probed, tick, filters, from, signal);
      if (isLate && from !== undefined) break;
      if (jpeg.length > 0) return jpeg;
    }
  }
  throw notDecoded(file, videoError("ERR_VIDEO_CORRUPT", file.path, "no frame could be decoded", seconds));
}

/**
 * @param from - second of the stream before which decoding starts at a key frame; undefined for the start of the file
 */
async function run(
  { file, seconds }: StillRequest,
  { index }: Probed,
  tick: number,
  filter: string,
  from: number | undefined,
  signal?: AbortSignal,
): Promise<Pass> {
  const args = ["-hide_banner", "-nostats", "-nostdin", "-protocol_whitelist", "file,pipe", "-noautorotate", "-copyts"];
  // a file that cannot be sought is decoded from its start
  if (from !== undefined) args.push("-seek_timestamp", "1", "-noaccurate_seek", "-ss", from.toFixed(6));
  args.push("-i", `file:${file.path}`, "-map", `0:${index}`, "-vf", filter, "-frames:v", "1");
  args.push("-c:v", "mjpeg", "-f", "image2pipe", "pipe:1");
  const options = { encoding: "buffer", maxBuffer: 32 << 20, signal } as const;
  const { stdout, stderr } = await promisify(execFile)("ffmpeg", args, options).catch((cause) => {
    signal?.throwIfAborted();
    if (cause.code === "ENOENT") throw missingFfmpeg();
    const reason = String(cause.stderr ?? cause.message).trim();
    const last = reason.split("\n").at(-1) ?? reason;
    throw notDecoded(file, videoError("ERR_VIDEO_CORRUPT", file.path, last, seconds, cause));
  });
  const first = /showinfo.* n: *0 pts: *(-?\d+) /.exec(stderr.toString());
  return { jpeg: stdout, isLate: first !== null && Number(first[1]) > tick };
}
