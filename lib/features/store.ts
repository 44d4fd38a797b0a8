import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, parse } from "node:path";
import { VideoClipError } from "../errors.js";
import { appendDurably, DurableFile, makeFolder, writeDurably } from "../files.js";
import { npyData, npyHeader } from "../weights/npy.js";
import { type FileLock, takeLock, type TakeLockOptions } from "./lock.js";

/** A finished video in `manifest.jsonl`. */
export interface ManifestEntry {
  path: string;
  file: string;
  duration: number;
  clips: number;
  /** `[start, end]` of each clip in seconds. */
  timestamps: [number, number][];
  padded_frames: number;
  partial?: true | undefined;
  settings: Record<string, unknown>;
  finished_at: string;
}

export interface FailureEntry {
  path: string;
  code: string;
  reason: string;
  /** Seconds of video that had been read, where known. */
  time?: number | undefined;
  failed_at: string;
}

const HEADER = 128; // room for any shape: the header is written last, when the number of clips is known

/** The output folder of an extraction: feature files, manifest, failures, and a lock while somebody writes. */
export class FeatureStore {
  readonly entries: ManifestEntry[];
  readonly failures: FailureEntry[];
  #manifest: string;
  #failed: string;
  #lock: FileLock;

  /**
   * @param suffix distinguishes the shards that share a folder
   * @throws InvalidArgumentError while somebody writes there; VideoClipError `ERR_WRITE`; the signal's reason
   */
  static async open(folder: string, suffix = "", waiting: TakeLockOptions = {}): Promise<FeatureStore> {
    makeFolder(folder);
    const lock = await takeLock(join(folder, `.lock${suffix}`), "another extraction", waiting);
    try {
      return new FeatureStore(folder, suffix, lock);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  private constructor(
    readonly folder: string,
    suffix: string,
    lock: FileLock,
  ) {
    this.#manifest = join(folder, `manifest${suffix}.jsonl`);
    this.#failed = join(folder, `failures${suffix}.jsonl`);
    this.#lock = lock;
    for (const name of readdirSync(folder)) {
      if (name.startsWith(`.tmp${suffix}-`)) rmSync(join(folder, name), { force: true });
    }
    for (const path of [this.#manifest, this.#failed]) repairLines(path);
    this.entries = readLines<ManifestEntry>(this.#manifest).filter((entry) => existsSync(join(folder, entry.file)));
    this.failures = readLines<FailureEntry>(this.#failed);
    this.temporary = (name) => join(folder, `.tmp${suffix}-${name}`);
  }

  /** @internal */
  readonly temporary: (name: string) => string;

  get isEmpty(): boolean {
    return this.entries.length === 0 && this.failures.length === 0;
  }

  addEntry(entry: ManifestEntry): void {
    this.entries.push(entry);
    appendLine(this.#manifest, entry);
  }

  addFailure(entry: FailureEntry): void {
    this.failures.push(entry);
    appendLine(this.#failed, entry);
  }

  /** Forgets failures, so that they are tried again. */
  clearFailures(): void {
    this.failures.length = 0;
    rmSync(this.#failed, { force: true });
  }

  close(): void {
    this.#lock.release();
  }
}

/** Bytes of rows that are written at once. */
const WRITE_BYTES = 1 << 16;

/** One `.npy` `[clips, dim]` that grows clip by clip under a temporary name. */
export class FeatureWriter {
  readonly timestamps: [number, number][] = [];
  paddedFrames = 0;
  #file: DurableFile;
  /** Rows that are not written yet, and their bytes. */
  #rows = new Uint8Array(WRITE_BYTES);
  #bytes = 0;

  constructor(
    readonly store: FeatureStore,
    readonly name: string,
    readonly dim: number,
    readonly dtype: "f32" | "f16",
  ) {
    this.#file = new DurableFile(join(store.folder, name), store.temporary(name));
    this.#file.write(Buffer.alloc(HEADER));
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

  /** Writes the header and gives the file its name: afterwards it is there, whole, whatever happens. */
  finish(): void {
    const header = npyHeader([this.timestamps.length, this.dim], this.dtype);
    if (header.length !== HEADER) throw new VideoClipError("ERR_INTERNAL", `an .npy header of ${header.length} bytes`);
    this.#flush();
    this.#file.write(header, 0);
    this.#file.commit();
  }

  discard(): void {
    this.#file.discard();
  }
}

/**
 * File names of features: the video's base name, with 8 hexadecimal digits of its path's SHA-256 where another input (or a
 * finished video) has that name too.
 */
export function featureNames(paths: readonly string[], entries: readonly ManifestEntry[]): Map<string, string> {
  const owners = new Map<string, Set<string>>();
  const base = (path: string) => parse(path).name.replace(/^\.+/, "_") || "video";
  const claim = (path: string) => {
    const key = base(path).toLowerCase(); // some file systems ignore case
    owners.set(key, (owners.get(key) ?? new Set()).add(path));
  };
  for (const path of paths) claim(path);
  for (const entry of entries) claim(entry.path);
  return new Map(
    paths.map((path) => {
      const shared = owners.get(base(path).toLowerCase())!.size > 1;
      const digits = createHash("sha256").update(path).digest("hex").slice(0, 8);
      return [path, `${base(path)}${shared ? `-${digits}` : ""}.npy`];
    }),
  );
}

const appendLine = (path: string, value: unknown): void => appendDurably(path, `${JSON.stringify(value)}\n`);

/** Whole lines of a JSONL file, without a last one that is torn or being written. @internal */
export function readLines<T>(path: string): T[] {
  return wholeLines(path).lines.map((line) => JSON.parse(line) as T);
}

/** Cuts off a last line torn by a kill. */
function repairLines(path: string): void {
  const { lines, torn } = wholeLines(path);
  if (torn) writeDurably(path, lines.map((line) => `${line}\n`).join(""));
}

function wholeLines(path: string): { lines: string[]; torn: boolean } {
  if (!existsSync(path)) return { lines: [], torn: false };
  const text = readFileSync(path, "utf8");
  const end = text.lastIndexOf("\n") + 1;
  return { lines: text.slice(0, end).split("\n").filter(Boolean), torn: end < text.length };
}
