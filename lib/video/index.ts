import { InvalidArgumentError } from "../errors.js";
import { openWithFfmpeg } from "./ffmpeg.js";
import { checkFile } from "./file.js";
import { decoderInfo } from "./info.js";
import { openWithNodeAv } from "./node_av.js";
import type { OpenVideoFunction } from "./types.js";

/**
 * Opens a video or image for one pass over its clips. `auto` takes node-av where it is installed, else the ffmpeg program.
 *
 * @throws VideoError with the reason, before or while it is read; InvalidArgumentError
 */
export const openVideo: OpenVideoFunction = async (path, options) => {
  const { decoder = "auto" } = options;
  if (!["auto", "node-av", "ffmpeg"].includes(decoder)) {
    throw new InvalidArgumentError(`decoder: expected auto, node-av or ffmpeg, received ${decoder}`);
  }
  const file = await checkFile(path);
  const useFfmpeg = decoder === "ffmpeg" || (decoder === "auto" && (await onlyFfmpeg()));
  return useFfmpeg ? openWithFfmpeg(file, options) : openWithNodeAv(file, options);
};

let ffmpegAlone: Promise<boolean> | undefined;

/** Whether node-av is missing and the ffmpeg program is there; found out once. */
function onlyFfmpeg(): Promise<boolean> {
  ffmpegAlone ??= decoderInfo().then(({ nodeAv, ffmpeg }) => nodeAv === null && ffmpeg !== null);
  return ffmpegAlone;
}
