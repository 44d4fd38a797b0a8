import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { encodersOfNodeAv } from "./preview_process.js";
import type { PreviewFormat, PreviewMaker } from "./preview_request.js";

/** Encoders by format, the best first. None is part of this package: they are those of node-av or of the ffmpeg program. */
const CANDIDATES: Record<PreviewFormat, { video: readonly string[]; audio: string }> = {
  mp4: { video: ["libx264", "libopenh264"], audio: "aac" },
  webm: { video: ["libvpx-vp9", "libvpx"], audio: "libopus" },
};

/** Names of all encoders that previews can use. */
const PREVIEW_ENCODERS = Object.values(CANDIDATES).flatMap(({ video, audio }) => [...video, audio]);

const PROGRAMS = { "node-av": encodersOfNodeAv, ffmpeg: encodersOfFfmpeg };

let found: Promise<PreviewMaker[]> | undefined;

/** What can make previews on this machine: one maker for each format, with node-av if it has the encoder. Determined once. */
export function previewMakers(): Promise<PreviewMaker[]> {
  found ??= findMakers();
  return found;
}

/** @param programs that are looked at, in their order @internal */
export async function findMakers(
  programs: readonly PreviewMaker["program"][] = ["node-av", "ffmpeg"],
): Promise<PreviewMaker[]> {
  const makers: PreviewMaker[] = [];
  for (const program of programs) {
    // the second program is asked only for what the first one lacks
    const missing = (Object.keys(CANDIDATES) as PreviewFormat[]).filter(
      (f) => !makers.some(({ format }) => format === f),
    );
    if (missing.length > 0) makers.push(...makersOf(program, await PROGRAMS[program](PREVIEW_ENCODERS), missing));
  }
  return makers;
}

function makersOf(
  program: PreviewMaker["program"],
  encoders: ReadonlySet<string>,
  formats: readonly PreviewFormat[],
): PreviewMaker[] {
  return formats.flatMap((format) => {
    const { video: candidates, audio } = CANDIDATES[format];
    const video = candidates.find((name) => encoders.has(name));
    return video === undefined ? [] : [{ format, program, video, audio: encoders.has(audio) ? audio : undefined }];
  });
}

/** The encoders of the ffmpeg program; none where it is missing. */
async function encodersOfFfmpeg(): Promise<ReadonlySet<string>> {
  const list = promisify(execFile)("ffmpeg", ["-hide_banner", "-v", "error", "-encoders"]);
  const { stdout } = await list.catch(() => ({ stdout: "" }));
  return new Set([...stdout.matchAll(/^ [VA]\S{5} (\S+)/gm)].map(([, name]) => name));
}

/**
 * Options of an encoder, in FFmpeg's names: fast, with a bounded rate, key frames every two seconds, and colours as
 * players expect them.
 */
export function encoderOptions(name: string, rate: number): Record<string, string> {
  const common = {
    g: String(Math.max(1, Math.round(2 * rate))),
    colorspace: "bt709",
    color_primaries: "bt709",
    color_trc: "bt709",
    color_range: "tv",
  };
  const bounded = { maxrate: "1500000", bufsize: "3000000" };
  const realtime = { b: "1000000", deadline: "realtime", "cpu-used": "8", ...bounded };
  const own: Record<string, Record<string, string>> = {
    libx264: { preset: "superfast", crf: "26", profile: "main", bf: "0", ...bounded },
    libopenh264: { b: "1000000" },
    "libvpx-vp9": { ...realtime, "row-mt": "1" },
    libvpx: realtime,
  };
  return { ...common, ...own[name] };
}

/** Bits a second of sound. */
export const AUDIO_RATE = 96_000;
