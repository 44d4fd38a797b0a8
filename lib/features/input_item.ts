import type { VideoClipError } from "../base/errors.js";

/** A video, or something in its place that cannot be one. */
export interface InputItem {
  /** Absolute path; for a row of a list that has none, the list and the line. */
  path: string;
  /** Why it is known to fail before it is opened. */
  error?: VideoClipError | undefined;
}
