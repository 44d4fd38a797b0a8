import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { atExit } from "../../base/at_exit.js";
import { tickAt } from "../clips/clock.js";
import { limitArgs, missingFfmpeg, type Probed, probe } from "../decode/ffprobe.js";
import { notDecoded, videoError } from "../file.js";
import { AUDIO_RATE, encoderOptions } from "./preview_encoders.js";
import { audioFilter, frameCount, previewRate, videoFilter } from "./preview_filters.js";
import { lowerPriority } from "./preview_process.js";
import type { PreviewRequest } from "./preview_request.js";

/**
 * Seconds that are read beside those of a preview: from the key frame before its begin, and for sound that comes late. The
 * program would look for the sound of a video that has none there to the end of the file.
 */
const SLACK = 15;

let zscale: Promise<boolean> | undefined;
/** Whether this `ffmpeg` has the filter `zscale`; determined once. */
function hasZscale(): Promise<boolean> {
  zscale ??= promisify(execFile)("ffmpeg", ["-hide_banner", "-v", "error", "-filters"]).then(
    ({ stdout }) => / zscale /.test(stdout),
    () => false,
  );
  return zscale;
}

/** Writes a preview with the `ffmpeg` program: the same part as with node-av. @throws VideoError; `signal.reason` */
export async function previewWithFfmpeg(request: PreviewRequest, signal?: AbortSignal): Promise<void> {
  const { file, seconds, maker } = request;
  const probed = await probe(file);
  signal?.throwIfAborted();
  const { num, den } = probed.timeBase;
  const { isRaw = false } = probed.facts;
  const start = isRaw ? seconds : (tickAt(seconds, probed.facts, probed.timeBase) * num) / den;
  const ways = [{ seeks: seconds > 0 && !isRaw, sound: maker.audio !== undefined && !isRaw, slack: SLACK }];
  for (const way of ways) {
    try {
      const { first, frames } = await run(request, probed, { ...way, start }, signal);
      // where no key frame before the moment was found, the file is read from its start
      if (way.seeks && (first === undefined || first > start)) ways.push({ ...way, seeks: false });
      else if (way.seeks && way.slack === SLACK && start - first! > (2 * SLACK) / 3)
        ways.push({ ...way, slack: start - first! + SLACK });
      else if (frames > 0) return;
      else throw videoError("ERR_VIDEO_NO_FRAMES", file.path, "nothing is shown there", seconds);
    } catch (error) {
      // sound that cannot be decoded is left out
      if (!way.sound || signal?.aborted || isMissing(error)) throw error;
      if ((error as { code?: string }).code === "ERR_VIDEO_NO_FRAMES") throw error;
      ways.push({ ...way, sound: false });
    }
  }
}

const isMissing = (error: unknown): boolean => (error as { code?: string }).code === "ERR_DECODER_MISSING";

/** Where the decoded frames begin on the stream's clock, and how many frames the preview has. */
interface Written {
  first: number | undefined;
  frames: number;
}

async function run(
  request: PreviewRequest,
  { facts, source, index }: Probed,
  { seeks, sound, slack, start }: { seeks: boolean; sound: boolean; slack: number; start: number },
  signal: AbortSignal | undefined,
): Promise<Written> {
  const { file, length, maker, threads, output } = request;
  const rate = previewRate(facts.rate);
  // the program turns frames itself: without that it would write the rotation into the preview, too
  const upright = { ...source, rotation: 0, mirrored: false };
  const filter = videoFilter(request, { source: upright, start, rate, hasZscale: await hasZscale() });
  const timed = facts.isRaw ? `setpts=N*${facts.frameDuration}/TB,` : "";
  const args = [...limitArgs(file), "-protocol_whitelist", "file,pipe", "-copyts"];
  args.push("-threads", String(threads));
  if (seeks)
    args.push("-seek_timestamp", "1", "-noaccurate_seek", "-ss", start.toFixed(6), "-t", String(length + slack));
  args.push("-i", `file:${file.path}`, "-map", `0:${index}`);
  args.push(
    "-vf",
    `${timed}showinfo=checksum=0,${filter},showinfo=checksum=0`,
    "-frames:v",
    String(frameCount(request, rate)),
  );
  args.push("-c:v", maker.video, "-threads", String(threads));
  for (const [name, value] of Object.entries(encoderOptions(maker.video, rate))) args.push(`-${name}:v`, value);
  if (sound)
    args.push("-map", "0:a:0?", "-c:a", maker.audio!, "-b:a", String(AUDIO_RATE), "-af", audioFilter(request, start));
  args.push("-map_metadata", "-1", "-map_chapters", "-1", "-sn", "-dn", "-f", maker.format);
  if (maker.format === "mp4") args.push("-movflags", "+faststart");
  const stderr = await ffmpeg(request, [...args, "-y", `file:${output}`], signal);
  const lines = [...stderr.matchAll(/showinfo_(\d+) .* n: *\d+ pts: *-?\d+ pts_time:(\S+) /g)];
  const decoded = lines.filter(([, number]) => number === lines[0][1]);
  return { first: decoded.length > 0 ? Number(decoded[0][2]) : undefined, frames: lines.length - decoded.length };
}

/** Runs the program. @returns what it says @throws VideoError */
async function ffmpeg(
  { file, seconds }: PreviewRequest,
  args: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const options = { maxBuffer: 64 << 20, signal, killSignal: "SIGKILL" } as const;
  const running = promisify(execFile)("ffmpeg", ["-hide_banner", "-nostats", "-nostdin", ...args], options);
  lowerPriority(running.child);
  const forget = atExit(() => running.child.kill("SIGKILL"));
  try {
    return (await running).stderr;
  } catch (error) {
    signal?.throwIfAborted();
    const cause = error as Error & { code?: string; stderr?: string };
    if (cause.code === "ENOENT") throw missingFfmpeg();
    const reason = String(cause.stderr ?? cause.message).trim();
    const last = reason.split("\n").at(-1) ?? reason;
    throw notDecoded(file, videoError("ERR_VIDEO_CORRUPT", file.path, last, seconds, cause));
  } finally {
    forget();
  }
}
