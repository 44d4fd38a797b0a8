import { InvalidArgumentError } from "../base/errors.js";
import { openWithFfmpeg } from "./decode/ffmpeg.js";
import { checkFile } from "./file.js";
import { decoderInfo } from "./info.js";
import { openWithNodeAv } from "./decode/node_av.js";
import { resolvePreset } from "./presets.js";
import type { DecodeOptions, DecoderName, OpenVideo, OpenVideoOptions, Preset } from "./types.js";

/**
 * Opens a video or image for one pass over its clips, by a preset or its name. The caller may keep each clip.
 *
 * @throws VideoError with the reason, before or during reading; InvalidArgumentError
 */
export async function openVideo(
  path: string,
  options: Omit<OpenVideoOptions, "preset"> & { preset: Preset | string },
): Promise<OpenVideo> {
  return decodeVideo(path, { ...options, preset: resolvePreset(options.preset) });
}

/** Opens a video or image for clips whose memory may be reused. @internal */
export async function decodeVideo(path: string, options: DecodeOptions): Promise<OpenVideo> {
  const { onError } = options;
  if (onError !== undefined && !["skip", "stop", "fail"].includes(onError)) {
    throw new InvalidArgumentError(`onError: expected skip, stop or fail, received ${onError}`, {
      argument: "onError",
      expected: ["skip", "stop", "fail"],
      received: onError,
    });
  }
  const useFfmpeg = await usesFfmpeg(options.decoder);
  const file = { ...(await checkFile(path)), maxPixels: options.maxPixels };
  return useFfmpeg ? openWithFfmpeg(file, options) : openWithNodeAv(file, options);
}

/** Whether a choice of decoder means the ffmpeg program. @throws InvalidArgumentError @internal */
export async function usesFfmpeg(decoder: DecoderName = "auto"): Promise<boolean> {
  if (!["auto", "node-av", "ffmpeg"].includes(decoder)) {
    throw new InvalidArgumentError(`decoder: expected auto, node-av or ffmpeg, received ${decoder}`);
  }
  return decoder === "ffmpeg" || (decoder === "auto" && (await onlyFfmpeg()));
}

let ffmpegAlone: Promise<boolean> | undefined;

/** Whether node-av is missing and the ffmpeg program exists; determined once. */
function onlyFfmpeg(): Promise<boolean> {
  ffmpegAlone ??= decoderInfo().then(({ nodeAv, ffmpeg }) => nodeAv === null && ffmpeg !== null);
  return ffmpegAlone;
}
