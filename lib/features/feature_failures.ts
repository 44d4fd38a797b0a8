import { join } from "node:path";
import { DatasetError, VideoClipError } from "../base/errors.js";
import { removeFile, writeDurably } from "../base/files.js";
import type { BrokenRecord } from "../records/feature_manifest.js";

/** Beside an index: the videos that the last run left out. */
export const FAILURES = "failures.jsonl";

/** Features that were left out, and the reason. */
export interface FeatureFailure {
  /** The video, or the invalid line of a manifest. */
  video: string;
  error: VideoClipError;
}

/** Converts unusable lines and files to failures. */
export const brokenFailures = (broken: readonly BrokenRecord[]): FeatureFailure[] =>
  broken.map(({ place, reason }) => ({
    video: place,
    error: new DatasetError("ERR_FEATURES", `${place}: ${reason}`, { file: place }),
  }));

/** Collects failures of single videos, so that the other videos continue. */
export class FeatureFailures {
  readonly list: FeatureFailure[] = [];

  constructor(readonly onFailure?: ((failure: FeatureFailure) => void) | undefined) {}

  add(failure: FeatureFailure): void {
    this.list.push(failure);
    this.onFailure?.(failure);
  }

  /** The result of `work`; undefined if it failed because of the video. @throws errors of other kinds */
  attempt<T>(video: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof VideoClipError)) throw error;
      this.add({ video, error });
      return undefined;
    }
  }

  /** As {@link attempt}, for asynchronous work. */
  async attemptAsync<T>(video: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof VideoClipError)) throw error;
      this.add({ video, error });
      return undefined;
    }
  }

  /** The number of failures, for a summary that has the field only if there are any. */
  count(): { failures?: number } {
    return this.list.length > 0 ? { failures: this.list.length } : {};
  }

  /** Writes `failures.jsonl` of this run into a folder, unless nothing failed. */
  write(folder: string): void {
    const path = join(folder, FAILURES);
    const failed_at = new Date().toISOString();
    const lines = this.list.map(
      ({ video, error: { code, message } }) => `${JSON.stringify({ path: video, code, reason: message, failed_at })}\n`,
    );
    if (lines.length > 0) writeDurably(path, lines);
    else removeFile(path);
  }
}

/** The largest f16. */
export const MAX_F16 = 65504;
