import { DeviceError, VideoClipError, VideoError } from "../base/errors.js";
import { systemCode } from "../base/system_error.js";
import { StorageError } from "../storage/storage_error.js";
import { type InputRoot, lostRoot } from "./inputs/find_inputs.js";

/** System errors for exhausted resources that every video needs. */
const EXHAUSTED = ["EMFILE", "ENFILE", "ENOMEM"];
/** System errors for a file name. */
const NAMES = ["ENAMETOOLONG", "EILSEQ", "EINVAL", "EISDIR", "ENOTEMPTY", "EEXIST"];

/** Whether an error means that a decoder is missing, which is not a fault of the video. */
export const isDecoderFault = (code: string): boolean => code.split("_")[1] === "DECODER";

/** Codes of faults of the storage of videos: the bucket, and the folder that they are downloaded to. */
const STORAGE = ["ERR_STORAGE", "ERR_WRITE"];

/**
 * Distinguishes failures of a video from faults of the environment, which the next video would meet too: no decoder, a
 * lost disk or mount, no more open files, a bucket that cannot be reached.
 * @returns the error that ends the run; undefined for a failure of the video
 */
export async function surroundingFault(
  path: string,
  error: VideoClipError,
  roots: readonly InputRoot[],
): Promise<VideoClipError | undefined> {
  if (isDecoderFault(error.code) || STORAGE.includes(error.code) || EXHAUSTED.includes(systemCode(error) ?? ""))
    return error;
  const lost = await lostRoot(roots, path);
  if (lost === undefined) return undefined;
  const message = `${lost}: the folder of the inputs is gone, or another one: its disk or mount was lost`;
  return new VideoError("ERR_INPUTS_LOST", message, { file: lost, cause: error });
}

/** Whether features cannot be written because of the name of their video. */
export const isNameFault = (error: unknown): error is VideoClipError =>
  error instanceof VideoClipError && error.code === "ERR_WRITE" && NAMES.includes(systemCode(error) ?? "");

/** An error that ends a run, with advice for the user. */
export function endOfRun(error: unknown): unknown {
  if (!(error instanceof VideoClipError)) return error;
  const { code, message, details } = error;
  const cause = { ...details, cause: error };
  const next = "what was finished is saved; go on with --resume when this is mended";
  if (code === "ERR_DEVICE_LOST")
    return new DeviceError(code, `${message}; what was finished is saved; go on with --resume`, cause);
  if (code === "ERR_STORAGE") return new StorageError("unavailable", `${message}; ${next}`, cause);
  if (code === "ERR_WRITE") return new VideoClipError(code, `${message}; ${next}`, cause);
  if (code === "ERR_INPUTS_LOST" || EXHAUSTED.includes(systemCode(error) ?? ""))
    return new VideoError(code, `${message}; ${next}`, cause);
  return error;
}
