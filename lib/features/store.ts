import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, join, parse } from "node:path";
import {
  entryOf,
  faultOfSize,
  FEATURE_HEADER_BYTES,
  type ManifestEntry,
  type ManifestRecord,
  type SourceFacts,
} from "../records/feature_manifest.js";
import { type FailureEntry, FailureIndex } from "../records/failure_index.js";
import { PartList } from "../records/part_list.js";
import { INDEX_FOLDER, RecordIndex } from "../records/record_index.js";
import { VideoClipError } from "../base/errors.js";
import { appendDurablyAsync, DurableFile, makeFolder, removeFile, removeIfPossible } from "../base/files.js";
import { readJsonLines, repairLastLine } from "../base/json_lines.js";
import { npyData, npyHeader } from "../weights/npy.js";
import { FailedVideos, FinishedVideos } from "./finished_videos.js";
import { type FileLock, takeLock, type TakeLockOptions } from "./lock.js";
import type { RecordKind } from "./remote/bucket_records.js";
import type { BucketResults } from "./remote/bucket_results.js";
import { isDecoderFault } from "./surroundings.js";

interface OpenStoreOptions extends TakeLockOptions {
  /** Where the features and records go, if the folder only has copies of the records. The store closes it. */
  bucket?: BucketResults | undefined;
}

/**
 * The results of an extraction: feature files, manifest and failures in a folder, with a lock while a process writes; or
 * in a bucket, of whose records the folder has copies.
 */
export class FeatureStore {
  readonly folder: string;
  /** Finished videos by path, from all manifests of the folder; the last record of a path wins. */
  readonly records: FinishedVideos;
  /** Failed videos by path, of all shards, without those that were finished later. */
  readonly failures: FailedVideos;
  /** Whether the folder was written before, by this extraction or by others than its shards. */
  readonly used: boolean;
  #manifest: string;
  #failed: string;
  /** Undefined for a folder that is only read. */
  #lock: FileLock | undefined;
  #suffix: string;
  #bucket: BucketResults | undefined;
  #index: RecordIndex;
  #failures: FailureIndex;
  /** Whether failures were withdrawn that may be in the file of this store. */
  #changed = false;

  /**
   * @param suffix distinguishes the shards that share a folder: `.0-of-2`
   * @throws InvalidArgumentError while another process writes there; VideoClipError `ERR_WRITE`; the signal's reason
   */
  static async open(folder: string, suffix = "", waiting: OpenStoreOptions = {}): Promise<FeatureStore> {
    makeFolder(folder);
    const lock = await takeLock(join(folder, `.lock${suffix}`), "another extraction", waiting);
    try {
      for (const name of ["manifest", "failures"]) repairLastLine(join(folder, `${name}${suffix}.jsonl`));
      const left: string[] = [];
      const visit = (name: string) => {
        const unfinished = name.startsWith(`failures${suffix}.jsonl.`) && name.endsWith(".tmp");
        if (unfinished || name.startsWith(`.tmp${suffix}-`)) left.push(name);
      };
      const parts = await PartList.open(folder, visit, waiting.signal);
      for (const name of left) removeIfPossible(join(folder, name));
      return await FeatureStore.#load(parts, suffix, lock, waiting);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Opens a folder for reading, also while others write to it. @throws the system's error */
  static async read(folder: string, options: Omit<TakeLockOptions, "patience"> = {}): Promise<FeatureStore> {
    return FeatureStore.#load(await PartList.open(folder, undefined, options.signal), "", undefined, options);
  }

  static async #load(
    parts: PartList,
    suffix: string,
    lock: FileLock | undefined,
    { signal, onNote, bucket }: OpenStoreOptions,
  ): Promise<FeatureStore> {
    const { folder } = parts;
    const index = await RecordIndex.open(folder, { parts, signal, onNote });
    try {
      const home = join(folder, INDEX_FOLDER);
      const failures = await FailureIndex.open(folder, { parts, home, isIgnored: isDecoderFault, signal });
      return new FeatureStore(parts, suffix, lock, bucket, index, failures);
    } catch (error) {
      index.close();
      throw error;
    }
  }

  private constructor(
    parts: PartList,
    suffix: string,
    lock: FileLock | undefined,
    bucket: BucketResults | undefined,
    index: RecordIndex,
    failures: FailureIndex,
  ) {
    const { folder } = parts;
    this.folder = folder;
    this.#manifest = join(folder, `manifest${suffix}.jsonl`);
    this.#failed = join(folder, `failures${suffix}.jsonl`);
    this.#lock = lock;
    this.#suffix = suffix;
    this.#bucket = bucket;
    this.#index = index;
    this.#failures = failures;
    this.records = new FinishedVideos(index, bucket ? () => undefined : undefined);
    this.failures = new FailedVideos(failures, this.records);
    const shards = /-of-\d+$/.exec(suffix)?.[0];
    const siblings = [...parts.manifests, ...parts.failures].filter((name) => {
      return shards === undefined || name.includes(`${suffix}.jsonl`) || !name.endsWith(`${shards}.jsonl`);
    });
    this.used = siblings.length > 0;
  }

  /** Where the results are, for messages: the folder, or the address of the bucket. */
  get place(): string {
    return this.#bucket?.objects.address() ?? this.folder;
  }

  /** Milliseconds for which videos wait to be saved together: each request of a bucket costs, and takes longer than a sync. */
  get pause(): number {
    return this.#bucket ? 1000 : 0;
  }

  /** The reason why the features of a record cannot be used; undefined if they can. Objects are not looked at. */
  async faultOf(record: ManifestRecord): Promise<string | undefined> {
    if (this.#bucket) return undefined;
    const bytes = await stat(join(this.folder, record.file)).then(({ size }) => size, () => undefined); // prettier-ignore
    return faultOfSize(record, bytes);
  }

  /** Reads what other writers of the folder have added since. */
  async refresh(): Promise<void> {
    await this.#index.refresh();
    await this.#failures.refresh();
  }

  /** Name of the part of the manifest that this store writes; empty for that of a single writer. */
  get part(): string {
    return this.#suffix.slice(1);
  }

  /** Path of a temporary file for a feature file; short, so that it is valid wherever the name is. */
  temporary(name: string): string {
    const digits = createHash("sha256").update(name).digest("hex").slice(0, 16);
    return join(this.folder, `.tmp${this.#suffix}-${digits}`);
  }

  /** Makes the records of videos durable: finished ones, whose features exist, and failed ones. */
  async add(entries: readonly ManifestEntry[], failures: readonly FailureEntry[]): Promise<void> {
    await this.#appendAll("manifest", entries);
    for (const { path, partial } of entries) if (!partial) this.#takeBack(path);
    await this.#appendAll("failures", failures);
    for (const entry of failures) this.#failures.add(entry);
  }

  /** Records moved videos, whose features exist under other paths. */
  async addMoved(videos: readonly MovedVideo[]): Promise<void> {
    const entries = videos.map(({ record, path, source }): ManifestEntry => {
      const { sample, sha256 } = record.source ?? {};
      const kept = { ...(sample ? { sample } : {}), ...(sha256 ? { sha256 } : {}) };
      const finished_at = new Date().toISOString();
      const moved_from = [...record.movedFrom, record.path];
      return { ...entryOf(record), path, moved_from, source: { ...source, ...kept }, finished_at };
    });
    await this.#appendAll("manifest", entries);
  }

  /** Removes the failures of this folder, or of this shard, so that they are tried again. */
  async clearFailures(): Promise<void> {
    this.#failures.clear();
    removeFile(this.#failed);
    await this.#bucket?.records.failures.replace();
  }

  #takeBack(path: string): void {
    if (this.#failures.withdraw(path)) this.#changed = true;
  }

  async #appendAll(kind: RecordKind, values: readonly unknown[]): Promise<void> {
    if (values.length === 0) return;
    this.#assertLocked();
    const lines = values.map(lineOf).join("");
    const records = this.#bucket?.records[kind];
    await records?.add(lines);
    await appendDurablyAsync(kind === "manifest" ? this.#manifest : this.#failed, lines);
    await records?.join();
  }

  #assertLocked(): void {
    if (!this.#lock?.held()) {
      throw new VideoClipError(
        "ERR_WRITE",
        `${this.folder}: its lock is gone or somebody else's; nothing more is written`,
        {
          file: this.folder,
        },
      );
    }
  }

  /** Whether a file exists that no record names. Objects are looked at when they are written. */
  hasForeign(name: string): boolean {
    return existsSync(join(this.folder, name));
  }

  /**
   * Makes the files of several videos complete and durable.
   * @returns for each the reason why it is not, or undefined
   */
  async addFeatures(files: readonly DurableFile[]): Promise<unknown[]> {
    const bucket = this.#bucket;
    if (!bucket) return DurableFile.commitAll(files);
    const faults = new Array<unknown>(files.length).fill(undefined);
    const left = files.entries();
    const work = async () => {
      for (const [i, file] of left) {
        const name = basename(file.path);
        const isKnown = [...this.#index.claimants(parse(name).name.toLowerCase())].some(
          (record) => record.file === name,
        );
        try {
          await bucket.addFeatures(name, file.content(), isKnown);
          file.discard();
        } catch (error) {
          faults[i] = error;
        }
      }
    };
    await Promise.all(Array.from({ length: UPLOADS }, work));
    return faults;
  }

  /** Leaves the records as few objects, if they are in a bucket, without the failures that were withdrawn. */
  async finish(): Promise<void> {
    const records = this.#bucket?.records;
    if (!records) return;
    if (this.#changed) {
      if (existsSync(this.#failed)) this.#rewriteFailures();
      await records.failures.replace();
      this.#changed = false;
    }
    for (const one of [records.manifest, records.failures]) await one.join(1);
  }

  close(): void {
    try {
      if (!this.#bucket && this.#changed && this.#lock?.held() && existsSync(this.#failed)) this.#rewriteFailures();
    } finally {
      this.#bucket?.close();
      this.#lock?.release();
      this.#index.close();
      this.#failures.close();
    }
  }

  /** Removes the failures of videos that were finished since. */
  #rewriteFailures(): void {
    const file = new DurableFile(this.#failed);
    let count = 0;
    try {
      for (const { value } of readJsonLines(this.#failed)) {
        const path = (value as Partial<FailureEntry> | null | undefined)?.path;
        if (typeof path !== "string" || !this.failures.get(path)) continue;
        file.write(lineOf(value));
        count++;
      }
      if (count > 0) file.commit();
    } finally {
      file.discard();
    }
    if (count === 0) removeFile(this.#failed);
  }
}

/** A finished video that was found at another path, and facts about its file there. */
export interface MovedVideo {
  record: ManifestRecord;
  path: string;
  source: SourceFacts;
}

const lineOf = (value: unknown): string => `${JSON.stringify(value)}\n`;

/** Features that are written to a bucket at the same time. */
const UPLOADS = 16;

/** Bytes of rows per write. */
const WRITE_BYTES = 1 << 16;

/** A `.npy` `[clips, dim]` that grows by clips under a temporary name. */
export class FeatureWriter {
  readonly timestamps: [number, number][] = [];
  paddedFrames = 0;
  #file: DurableFile;
  /** Rows that are not written yet, and their number of bytes. */
  #rows = new Uint8Array(WRITE_BYTES);
  #bytes = 0;

  constructor(
    readonly store: FeatureStore,
    readonly name: string,
    readonly dim: number,
    readonly dtype: "f32" | "f16",
  ) {
    this.#file = new DurableFile(join(store.folder, name), store.temporary(name));
    this.#file.write(Buffer.alloc(FEATURE_HEADER_BYTES)); // the header is written last, when the number of clips is known
  }

  add(feature: Float32Array, start: number, end: number, paddedFrames: number): void {
    const row = npyData(feature, this.dtype);
    if (this.#bytes + row.length > this.#rows.length) this.#flush();
    if (row.length > this.#rows.length) this.#rows = new Uint8Array(row.length);
    this.#rows.set(row, this.#bytes);
    this.#bytes += row.length;
    this.timestamps.push([start, end]);
    this.paddedFrames += paddedFrames;
  }

  #flush(): void {
    this.#file.write(this.#rows.subarray(0, this.#bytes));
    this.#bytes = 0;
  }

  /**
   * Renames the files of several videos to their names. Afterwards each exists, complete and durable.
   * @returns for each the error of the system, or undefined
   */
  static async finishAll(writers: readonly FeatureWriter[]): Promise<unknown[]> {
    const faults = writers.map((writer) => {
      try {
        writer.#complete();
      } catch (error) {
        return error;
      }
    });
    const whole = writers.filter((_, i) => faults[i] === undefined);
    const refused = whole.length > 0 ? await whole[0].store.addFeatures(whole.map((writer) => writer.#file)) : [];
    whole.forEach((writer, i) => (faults[writers.indexOf(writer)] = refused[i]));
    return faults;
  }

  /** Writes the remaining rows, and the header. */
  #complete(): void {
    const header = npyHeader([this.timestamps.length, this.dim], this.dtype);
    if (header.length !== FEATURE_HEADER_BYTES)
      throw new VideoClipError("ERR_INTERNAL", `an .npy header of ${header.length} bytes`);
    this.#flush();
    this.#file.write(header, 0);
  }

  /** Whether a complete feature file has the same rows. */
  equals(path: string): boolean {
    this.#flush();
    const other = readFileSync(path);
    const header = npyHeader([this.timestamps.length, this.dim], this.dtype);
    return (
      other.subarray(0, header.length).equals(header) && this.#file.holds(other.subarray(header.length), header.length)
    );
  }

  discard(): void {
    this.#file.discard();
  }
}
