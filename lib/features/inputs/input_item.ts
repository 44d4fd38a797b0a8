import type { VideoClipError } from "../../base/errors.js";
import type { SourceFacts } from "../../records/feature_manifest.js";

/** A video, or an input that cannot be one. */
export interface InputItem {
  /**
   * Absolute path, or an address (`s3://bucket/key`, `https://...`) without secrets; for a row of a list without a path,
   * the list and the line.
   */
  path: string;
  /** The address to download, if it has secrets that `path` leaves out. */
  address?: string | undefined;
  /** Facts about the object, if a listing told them. */
  source?: SourceFacts | undefined;
  /** The error with which the item fails before it is opened. */
  error?: VideoClipError | undefined;
}
