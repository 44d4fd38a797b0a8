import { VideoClipError, VideoError } from "../base/errors.js";
import { systemCode } from "../base/system_error.js";
import { type InputRoot, lostRoot } from "./inputs.js";

/** What the system says when it has no more of what every video needs. */
const EXHAUSTED = ["EMFILE", "ENFILE", "ENOMEM"];
/** What it says of a name that only this file has. */
const NAMES = ["ENAMETOOLONG", "EILSEQ", "EINVAL", "EISDIR", "ENOTEMPTY", "EEXIST"];

/** Whether an error is for want of a decoder, which is no fault of a video. */
export const isDecoderFault = (code: string): boolean => code.split("_")[1] === "DECODER";

/**
 * Tells failures of a video from those of what surrounds it, which the next video would meet as well: no decoder, a disk or a mount that
 * is gone, no more open files.
 * @returns the error to end the run with; undefined for a failure of the video
 */
export async function surroundingFault(
  path: string,
  error: VideoClipError,
  roots: readonly InputRoot[],
): Promise<VideoClipError | undefined> {
  if (isDecoderFault(error.code) || EXHAUSTED.includes(systemCode(error) ?? "")) return error;
  const lost = await lostRoot(roots, path);
  if (lost === undefined) return undefined;
  const message = `${lost}: the folder of the inputs is gone, or another one: its disk or mount was lost`;
  return new VideoError("ERR_INPUTS_LOST", message, { file: lost, cause: error });
}

/** Whether features cannot be written because of the name of their video; others may be written. */
export const isNameFault = (error: unknown): error is VideoClipError =>
  error instanceof VideoClipError && error.code === "ERR_WRITE" && NAMES.includes(systemCode(error) ?? "");

/** An error that ends a run, with what its user can do. */
export function endOfRun(error: unknown): unknown {
  if (!(error instanceof VideoClipError)) return error;
  const { code, message, details } = error;
  const cause = { ...details, cause: error };
  const next = "what was finished is saved; go on with --resume when this is mended";
  if (code === "ERR_WRITE") return new VideoClipError(code, `${message}; ${next}`, cause);
  if (code === "ERR_INPUTS_LOST" || EXHAUSTED.includes(systemCode(error) ?? ""))
    return new VideoError(code, `${message}; ${next}`, cause);
  return error;
}
