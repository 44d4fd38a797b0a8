import { rmSync } from "node:fs";
import { join } from "node:path";
import { DatasetError, VideoClipError } from "../base/errors.js";
import { writeDurably } from "../base/files.js";
import type { BrokenRecord } from "../data/feature_manifest.js";

/** Features that were left out, and why. */
export interface FeatureFailure {
  /** The video, or the line of a manifest that is no record. */
  video: string;
  error: VideoClipError;
}

/** Lines of manifests, and files, that cannot be used, as failures. */
export const brokenFailures = (broken: readonly BrokenRecord[]): FeatureFailure[] =>
  broken.map(({ place, reason }) => ({
    video: place,
    error: new DatasetError("ERR_FEATURES", `${place}: ${reason}`, { file: place }),
  }));

/** Collects failures of single videos, so that the others go on. */
export class FeatureFailures {
  readonly list: FeatureFailure[] = [];

  constructor(readonly onFailure?: ((failure: FeatureFailure) => void) | undefined) {}

  add(failure: FeatureFailure): void {
    this.list.push(failure);
    this.onFailure?.(failure);
  }

  /** What work gives; undefined where it failed for a reason of the video. @throws what is no error of this package */
  attempt<T>(video: string, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof VideoClipError)) throw error;
      this.add({ video, error });
      return undefined;
    }
  }

  /** How many there are, for a summary that has the number only where there are some. */
  count(): { failures?: number } {
    return this.list.length > 0 ? { failures: this.list.length } : {};
  }

  /** Writes the list of this run, `failures.jsonl`, into a folder; none where nothing failed. */
  write(folder: string): void {
    const path = join(folder, "failures.jsonl");
    const failed_at = new Date().toISOString();
    const lines = this.list.map(
      ({ video, error: { code, message } }) => `${JSON.stringify({ path: video, code, reason: message, failed_at })}\n`,
    );
    if (lines.length > 0) writeDurably(path, lines);
    else rmSync(path, { force: true });
  }
}

/** The largest number that f16 holds. */
export const MAX_F16 = 65504;
