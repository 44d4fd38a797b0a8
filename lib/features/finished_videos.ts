import { join } from "node:path";
import type { FailureEntry, FailureIndex } from "../records/failure_index.js";
import { type BrokenRecord, featureFault, type ManifestRecord } from "../records/feature_manifest.js";
import type { RecordIndex } from "../records/record_index.js";

/** Maximum broken records that are kept with their reason. */
const KEPT = 100;

/** Finished videos of a folder. Their feature files exist and are complete, which is checked when one is looked up. */
export class FinishedVideos {
  #faults: { count: number; first: BrokenRecord[] } = { count: 0, first: [] };

  /** @param faultOf the reason why the features of a record cannot be used. Default: by their files */
  constructor(
    readonly index: RecordIndex,
    private readonly faultOf = (record: ManifestRecord): string | undefined => featureFault(index.folder, record),
  ) {}

  /** Number of videos that have a record. */
  get size(): number {
    return this.index.size;
  }

  /** Lines that are no records, and features that do not agree with their record: they are extracted again. */
  get broken(): { count: number; first: readonly BrokenRecord[] } {
    const { count, first } = this.index.broken;
    return { count: count + this.#faults.count, first: [...first, ...this.#faults.first].slice(0, KEPT) };
  }

  get(path: string): ManifestRecord | undefined {
    return this.#usable(this.index.get(path));
  }

  has(path: string): boolean {
    return this.get(path) !== undefined;
  }

  /** Records whose videos or feature files have a name, in lower case and without folder and ending. */
  *claimants(name: string): Generator<ManifestRecord> {
    for (const record of this.index.claimants(name)) if (this.#usable(record)) yield record;
  }

  /** Notes that the features of a record cannot be used. */
  addFault({ file }: ManifestRecord, reason: string): void {
    this.#faults.count++;
    if (this.#faults.first.length < KEPT) this.#faults.first.push({ place: join(this.index.folder, file), reason });
  }

  /** Whether a record with these settings has features that can be used. It reads records until it finds one. */
  hasUsable(settings: Record<string, unknown>): boolean {
    for (const record of this.index.inOrder()) if (record.settings === settings && this.#usable(record)) return true;
    return false;
  }

  /** Whether the features of a record can be used. */
  isUsable(record: ManifestRecord): boolean {
    return this.faultOf(record) === undefined;
  }

  #usable(record: ManifestRecord | undefined): ManifestRecord | undefined {
    return record && this.isUsable(record) ? record : undefined;
  }
}

/** Failed videos of a folder, without those that were finished later. */
export class FailedVideos {
  constructor(
    private readonly failures: FailureIndex,
    private readonly records: FinishedVideos,
  ) {}

  get isEmpty(): boolean {
    return this.failures.isEmpty;
  }

  get(path: string): FailureEntry | undefined {
    return this.#unlessFinished(this.failures.get(path));
  }

  /** All failures, sorted by the bytes of their paths in UTF-8. */
  *inOrder(): Generator<FailureEntry> {
    for (const failure of this.failures.inOrder()) if (this.#unlessFinished(failure)) yield failure;
  }

  #unlessFinished(failure: FailureEntry | undefined): FailureEntry | undefined {
    const record = failure && this.records.get(failure.path);
    return record && !record.partial && record.finishedAt > failure.failed_at ? undefined : failure;
  }
}
