import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { tickAt } from "../clips/clock.js";
import { missingFfmpeg, type Probed, probe } from "../decode/ffprobe.js";
import { notDecoded, videoError } from "../file.js";
import { stillFilter } from "../pixels/filters.js";
import type { StillRequest } from "./still_worker.js";

/** What one pass of the program gave. */
interface Pass {
  jpeg: Uint8Array;
  /** Whether its first frame came after the moment, so that the key frame to start from was missed. */
  isLate: boolean;
}

/** A JPEG of the frame that is shown at a time, by the `ffmpeg` program: what `decodeStill` makes with node-av. */
export async function stillWithFfmpeg(request: StillRequest, signal?: AbortSignal): Promise<Uint8Array> {
  const { file, seconds, width } = request;
  const probed = await probe(file);
  const { num, den } = probed.timeBase;
  const tick = tickAt(seconds, probed.facts, probed.timeBase);
  const filter = stillFilter(width, probed.source);
  const moment = (tick * num) / den;
  // one frame a tick: the first is what was shown at the moment, or the first frame
  const shown = `showinfo=checksum=0,fps=${den}/${num}:start_time=${moment.toFixed(6)},${filter}`;
  // behind the end: the last frame of those from the last key frame on
  const last = `showinfo=checksum=0,${filter},reverse`;
  // from the key frame before, and from the file's start where none is found there
  for (const from of seconds > 0 ? [moment, undefined] : [undefined]) {
    for (const filters of [shown, last]) {
      const { jpeg, isLate } = await run(request, probed, tick, filters, from, signal);
      if (isLate && from !== undefined) break;
      if (jpeg.length > 0) return jpeg;
    }
  }
  throw notDecoded(file, videoError("ERR_VIDEO_CORRUPT", file.path, "no frame could be decoded", seconds));
}

/** @param from - the second of the stream whose key frame before it is started from; undefined for the start of the file. */
async function run(
  { file, seconds }: StillRequest,
  { index }: Probed,
  tick: number,
  filter: string,
  from: number | undefined,
  signal?: AbortSignal,
): Promise<Pass> {
  const args = ["-hide_banner", "-nostats", "-nostdin", "-protocol_whitelist", "file,pipe", "-noautorotate", "-copyts"];
  // where the file cannot be sought in, it is decoded from its start
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
