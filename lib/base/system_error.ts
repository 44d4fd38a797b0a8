import { VideoClipError } from "./errors.js";

const GONE = "its disk or mount is gone";

/** The meaning of system error codes for the writer of a file. */
const REASONS: Record<string, string> = {
  ENOSPC: "no space is left on the device",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ENOENT: "its folder does not exist or takes no files",
  ENOTDIR: "a part of its path is a file, not a folder",
  EEXIST: "something else has this name",
  EISDIR: "it is a folder",
  ENAMETOOLONG: "its name is too long for the file system",
  EILSEQ: "the file system does not take its name",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  EIO: "the disk reports an error",
  EFBIG: "the file is larger than the system allows",
  ESTALE: GONE,
  ENOTCONN: GONE,
  ENODEV: GONE,
  ENXIO: GONE,
  EHOSTDOWN: GONE,
};

/** What cannot be done to the file, in the message. */
type Verb = "written" | "removed";

/** The code of the system (`ENOSPC`) in an error or its cause; undefined for other errors. */
export function systemCode(error: unknown): string | undefined {
  const { code, syscall, cause } = (error ?? {}) as NodeJS.ErrnoException;
  if (syscall !== undefined && code !== undefined) return code;
  return cause === undefined ? undefined : systemCode(cause);
}

/** Converts an error of the system to an `ERR_WRITE` with the path; other errors are unchanged. */
function writeError(path: string, cause: unknown, verb: Verb): unknown {
  const { code, syscall } = (cause ?? {}) as NodeJS.ErrnoException;
  if (syscall === undefined || code === undefined) return cause;
  const reason = REASONS[code];
  const message = `${path}: cannot be ${verb} (${code})${reason ? `: ${reason}` : ""}`;
  return new VideoClipError("ERR_WRITE", message, { file: path, cause });
}

/**
 * Runs work that writes `path`. @throws VideoClipError `ERR_WRITE` for errors of the system; other errors of the work
 */
export function writing<T>(path: string, work: () => T, verb: Verb = "written"): T {
  try {
    return work();
  } catch (error) {
    throw writeError(path, error, verb);
  }
}

/** As {@link writing}, for asynchronous work. */
export async function writingAsync<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw writeError(path, error, "written");
  }
}
