import type { FeatureType, StoredVideo } from "./stored_video.js";

/** What all videos of an export have in common. */
export interface ExportFacts {
  /** Settings that define the space of the features; empty without a manifest. */
  settings: Record<string, unknown>;
  dim: number;
  /** Type of the exported values; undefined: that of each file. */
  dtype: FeatureType | undefined;
  /** Bytes of a file of a format with several files. */
  shardBytes: number;
  /** Number of rows that are expected; less are written when features are broken. */
  countRows: () => number;
}

/** A format of other programs. */
export interface ExportFormat {
  /** Whether `out` is a file or a folder. */
  kind: "file" | "folder";
  /** Types of values, the default first; `stored`: each file as it is. */
  dtypes: readonly (FeatureType | "stored")[];
  /** The ending of a name that is made up. */
  ending: string;
  /** Whether it has several files, of at most `shardBytes`. */
  sharded?: boolean;
  /** Files beside `out` that belong to it. */
  beside?: (out: string) => string[];
  /**
   * Writes all videos. Files appear when they are complete and durable; a folder is a temporary one, which the caller
   * renames.
   * @throws VideoClipError `ERR_WRITE`; errors of `videos`
   */
  write: (out: string, videos: AsyncIterable<StoredVideo>, facts: ExportFacts) => Promise<void>;
}
