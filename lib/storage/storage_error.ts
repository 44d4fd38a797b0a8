import { type ErrorDetails, VideoClipError } from "../base/errors.js";

/**
 * What went wrong with an object. `missing`: there is none; `denied`: this one may not be read; `changed`: it is not the
 * one that was expected; `exists`: another one has its key; `interrupted`: its body ended early or gave nothing, and can
 * be asked for again; `unavailable`: no credentials, no such bucket, no answer, which other objects meet too.
 */
export type StorageFault = "missing" | "denied" | "changed" | "exists" | "interrupted" | "unavailable";

/** An object that cannot be read or written, or a store that cannot be reached. */
export class StorageError extends VideoClipError {
  constructor(
    readonly fault: StorageFault,
    message: string,
    details: ErrorDetails = {},
  ) {
    super("ERR_STORAGE", message, details);
  }
}

/** Longest text of a server in a message. */
const LONGEST = 200;

/** A text that a server sent, for one line of a message. */
export const oneLine = (text: string): string => {
  // eslint-disable-next-line no-control-regex
  const line = text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, " ").trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
};

/** The status of HTTP in an error of any client, such as that of the AWS SDK. */
function statusOf(error: unknown): number | undefined {
  const { status, statusCode, $metadata } = (error ?? {}) as {
    status?: unknown;
    statusCode?: unknown;
    $metadata?: { httpStatusCode?: unknown };
  };
  return [status, statusCode, $metadata?.httpStatusCode].find((value) => typeof value === "number");
}

/**
 * The error of a store that a caller passed in, by its status of HTTP. An error without a status counts as one of the
 * network, and so as `interrupted`.
 */
export function storageErrorOf(address: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const { name, message } = cause instanceof Error ? cause : { name: "", message: String(cause) };
  const status = statusOf(cause);
  const details = { file: address, cause };
  const reason = oneLine(message || name);
  if (status === 404 || name === "NoSuchKey" || name === "NotFound")
    return new StorageError("missing", `${address}: there is no such object`, details);
  if (status === 403) return new StorageError("denied", `${address}: access is denied (${reason})`, details);
  if (status === 412 || status === 416) return new StorageError("changed", `${address}: it has changed`, details);
  const again = status === undefined || status === 408 || status === 429 || status >= 500;
  return new StorageError(again ? "interrupted" : "unavailable", `${address}: cannot be read (${reason})`, details);
}
