import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { missingFfmpeg, probe } from "./ffprobe.js";
import { videoError } from "./file.js";
import { stillFilter } from "./filters.js";
import type { StillRequest } from "./still_worker.js";

/** A JPEG of the frame that is shown at a time, by the `ffmpeg` program: what `decodeStill` makes with node-av. */
export async function stillWithFfmpeg(request: StillRequest, signal?: AbortSignal): Promise<Uint8Array> {
  const { file, seconds, width } = request;
  const { source, index } = await probe(file);
  const filter = stillFilter(width, source);
  // times of frames as they are in the stream; fps shows at its first one what was shown then, or the first frame
  const shown = await run(request, index, `fps=1000:start_time=${seconds.toFixed(3)},${filter}`, signal);
  if (shown.length > 0) return shown;
  // behind the end: the last frame of those from the last key frame on
  const last = await run(request, index, `${filter},reverse`, signal);
  if (last.length > 0) return last;
  throw videoError("ERR_VIDEO_CORRUPT", file.path, "no frame could be decoded", seconds);
}

async function run(
  { file, seconds }: StillRequest,
  index: number,
  filter: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const args = ["-v", "error", "-nostdin", "-protocol_whitelist", "file,pipe", "-noautorotate", "-copyts"];
  // from the key frame before: where the file cannot be sought in, from its start
  if (seconds > 0) args.push("-seek_timestamp", "1", "-noaccurate_seek", "-ss", seconds.toFixed(3));
  args.push("-i", `file:${file.path}`, "-map", `0:${index}`, "-vf", filter, "-frames:v", "1");
  args.push("-c:v", "mjpeg", "-f", "image2pipe", "pipe:1");
  const options = { encoding: "buffer", maxBuffer: 32 << 20, signal } as const;
  const { stdout } = await promisify(execFile)("ffmpeg", args, options).catch((cause) => {
    signal?.throwIfAborted();
    if (cause.code === "ENOENT") throw missingFfmpeg();
    const reason = String(cause.stderr ?? cause.message).trim();
    throw videoError("ERR_VIDEO_CORRUPT", file.path, reason, seconds, cause);
  });
  return stdout;
}
