import { rmSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "../../base/at_exit.js";
import { checkFile } from "../file.js";
import { previewWithFfmpeg } from "./preview_ffmpeg.js";
import { previewWithNodeAv } from "./preview_process.js";
import type { PreviewMaker } from "./preview_request.js";

/** Pixels of a frame, at most: videos of 8K have 33 million. */
const MAX_PIXELS = 1 << 26;

export interface PreviewOptions {
  maker: PreviewMaker;
  /** Seconds that it has at most. */
  length: number;
  /** Pixels of the longer side, at most. Default 640. */
  side?: number | undefined;
  /** Default: two, or the only core. */
  threads?: number | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * A part of a video as a file that browsers play, for videos that they do not: its time 0 is `seconds` after the
 * start of the container, and it ends after `length` seconds or with the video. It is made by a process of low priority.
 * @throws VideoError when it cannot be decoded, `ERR_VIDEO_NO_FRAMES` when the video ends before; `signal.reason`
 */
export async function previewAt(path: string, seconds: number, options: PreviewOptions): Promise<Buffer<ArrayBuffer>> {
  const { maker, length, side = 640, threads = Math.min(2, availableParallelism()), signal } = options;
  signal?.throwIfAborted();
  const file = { ...(await checkFile(path)), maxPixels: MAX_PIXELS };
  // the index of an MP4 stands before its frames only where the file can be written again: a pipe would not do
  const folder = await mkdtemp(join(tmpdir(), "videoclip-preview-"));
  const all = { recursive: true, force: true };
  const forget = atExit(() => rmSync(folder, all));
  try {
    const output = join(folder, `preview.${maker.format}`);
    const request = { file, maker, seconds, length, side, threads, output };
    await (maker.program === "ffmpeg" ? previewWithFfmpeg : previewWithNodeAv)(request, signal);
    return await readFile(output);
  } finally {
    forget();
    await rm(folder, all);
  }
}
