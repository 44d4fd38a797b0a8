import type { VideoClipError } from "../base/errors.js";

/** A video, or an input that cannot be one. */
export interface InputItem {
  /** Absolute path; for a row of a list without a path, the list and the line. */
  path: string;
  /** The error with which the item fails before it is opened. */
  error?: VideoClipError | undefined;
}
