import { randomBytes } from "node:crypto";
import { closeSync, existsSync, ftruncateSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError } from "../base/errors.js";
import { DurableFile, makeFolder, removeFile, removeIfPossible, syncFile, writeAll } from "../base/files.js";
import { writing } from "../base/system_error.js";
import { npyData } from "../weights/npy.js";
import { IndexFiles } from "./index_files.js";
import {
  committedBytes,
  DATA_FILE,
  FILE_KINDS,
  type FileKind,
  fileHeader,
  fileName,
  HEADER_BYTES,
  type IndexManifest,
  LOCK,
  MANIFEST,
  manifestText,
  MAX_ROWS,
  nextGeneration,
  ROW_DTYPES,
  SPAN_BYTES,
  VIDEO_BYTES,
} from "./index_format.js";
import { type FileLock, takeLock, takeLockNow, type TakeLockOptions } from "./lock.js";

const HOLDER = "another process";

/** What an index is of. */
export type IndexContent = Pick<IndexManifest, "dim" | "dtype" | "settings" | "text">;

/** A video to add: one row per span. */
export interface IndexedVideo {
  /** Its name in the index, usually its path. */
  video: string;
  /** f32 `[spans, dim]`. */
  rows: Float32Array;
  /** `[start, end]` of each row in seconds. */
  spans: readonly (readonly [number, number])[];
}

/**
 * The single writer of an index. Written data are committed by the next `commit`; `close` discards the rest. @internal
 */
export class IndexWriter {
  #folder: string;
  #lock: FileLock;
  #manifest: IndexManifest;
  #files: Record<FileKind, number>;
  #names: Map<string, number>;
  /** Videos that a later one replaces; the next commit drops them. */
  #replaced = new Set<number>();
  /** Whether the index was removed. */
  discarded = false;
  /** The state at the opening, and the last one that was committed. */
  readonly #first: IndexManifest;
  #committed: IndexManifest;

  private constructor(folder: string, lock: FileLock, files: IndexFiles, fresh?: IndexContent) {
    this.#folder = folder;
    this.#lock = lock;
    this.#first = { ...files.manifest };
    this.#committed = { ...files.manifest };
    if (fresh) {
      this.#manifest = { ...emptied(this.#first), ...fresh };
      this.#names = new Map();
      this.#files = writing(folder, () => createFiles(folder, this.#manifest));
    } else {
      this.#manifest = { ...files.manifest };
      this.#names = new Map(files.names().map((name, i) => [name, i]));
      this.#files = writing(folder, () => openForWriting(folder, this.#manifest));
    }
  }

  /** Makes an empty index. @throws InvalidArgumentError when there is one, or while another process writes there */
  static async create(folder: string, given: IndexContent, waiting: TakeLockOptions = {}): Promise<void> {
    makeFolder(folder);
    const lock = await takeLock(join(folder, LOCK), HOLDER, waiting);
    try {
      if (existsSync(join(folder, MANIFEST))) {
        throw new InvalidArgumentError(`${folder} already holds an index`, { argument: "folder", received: folder });
      }
      const id = randomBytes(16).toString("hex");
      const manifest: IndexManifest = { ...given, id, generation: 0, rows: 0, videos: 0, nameBytes: 0, updatedAt: "" };
      removeOtherGenerations(folder, -1);
      try {
        for (const file of Object.values(writing(folder, () => createFiles(folder, manifest)))) {
          try {
            writing(folder, () => syncFile(file));
          } finally {
            closeSync(file);
          }
        }
        writeManifest(folder, manifest);
      } catch (error) {
        removeOtherGenerations(folder, -1);
        throw error;
      }
    } finally {
      lock.release();
    }
  }

  /**
   * Takes the lock and removes uncommitted data of an interrupted writer.
   * @param fresh writes an index with these facts from the beginning; its commit replaces the one that is there
   * @throws InvalidArgumentError, IndexError
   */
  static async open(folder: string, waiting: TakeLockOptions = {}, fresh?: IndexContent): Promise<IndexWriter> {
    return IndexWriter.#withLock(folder, await takeLock(join(folder, LOCK), HOLDER, waiting), fresh);
  }

  /** As {@link open}, without waiting for a lock of another machine. */
  static openNow(folder: string): IndexWriter {
    return IndexWriter.#withLock(folder, takeLockNow(join(folder, LOCK), HOLDER));
  }

  static #withLock(folder: string, lock: FileLock, fresh?: IndexContent): IndexWriter {
    try {
      const files = IndexFiles.open(folder);
      try {
        removeOtherGenerations(folder, files.manifest.generation);
        return new IndexWriter(folder, lock, files, fresh);
      } finally {
        files.close();
      }
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get manifest(): Readonly<IndexManifest> {
    return this.#manifest;
  }

  has(video: string): boolean {
    return this.#names.has(video);
  }

  /** Number of videos that readers see. */
  get committedVideos(): number {
    return this.#committed.videos;
  }

  /** Whether a commit now would take the place of videos that are there. */
  get replaces(): boolean {
    return this.#replaced.size > 0 || this.#manifest.generation !== this.#committed.generation;
  }

  /** Whether there is something to commit. */
  get changed(): boolean {
    return this.replaces || JSON.stringify(this.#manifest) !== JSON.stringify(this.#committed);
  }

  /** Writes a video after the others. @throws InvalidArgumentError when it does not fit, before anything is written */
  add({ video, rows, spans }: IndexedVideo, replace = false): void {
    this.#check({ video, rows, spans }, replace);
    if (this.#manifest.undone !== undefined) this.#leaveUndone();
    const m = this.#manifest;
    const old = this.#names.get(video);
    if (old !== undefined) this.#replaced.add(old);
    const name = Buffer.from(video, "utf8");
    const spanRecords = Buffer.alloc(spans.length * SPAN_BYTES);
    spans.forEach(([start, end], i) => writeSpan(spanRecords, i, start, end, m.videos));
    const record = Buffer.alloc(VIDEO_BYTES);
    writeVideo(record, 0, m.rows, m.nameBytes, spans.length, name.length);
    const data = { rows: npyData(rows, m.dtype), spans: spanRecords, videos: record, names: name };
    writing(this.#folder, () => {
      for (const kind of FILE_KINDS) writeAll(this.#files[kind], data[kind], committedBytes(kind, m));
    });
    this.#names.set(video, m.videos);
    m.rows += spans.length;
    m.videos++;
    m.nameBytes += name.length;
  }

  #check({ video, rows, spans }: IndexedVideo, replace: boolean): void {
    const m = this.#manifest;
    const fail = (argument: string, expected: string, received: string) =>
      new InvalidArgumentError(`${argument} of ${video}: expected ${expected}, received ${received}`, { argument });
    if (typeof video !== "string" || video === "") throw fail("video", "a name", JSON.stringify(video));
    if (!replace && this.#names.has(video)) {
      throw new InvalidArgumentError(`video: ${video} is in the index already: ask to replace it`, {
        argument: "video",
        received: video,
      });
    }
    if (rows.length !== spans.length * m.dim)
      throw fail("rows", `${spans.length} spans x ${m.dim} values`, `${rows.length} values`);
    if (spans.length === 0) throw fail("spans", "at least one", "none");
    if (m.rows + spans.length > MAX_ROWS) throw fail("rows", `at most ${MAX_ROWS} in an index`, "more");
    const time = spans.findIndex(([start, end]) => !Number.isFinite(start) || !Number.isFinite(end) || end < start);
    if (time >= 0) throw fail("spans", "start <= end in seconds", `[${spans[time].join(", ")}] for row ${time}`);
    const limit = m.dtype === "f16" ? 65504 : Number.MAX_VALUE;
    const wrong = rows.findIndex((v) => !(Math.abs(v) <= limit));
    if (wrong >= 0) {
      const values =
        m.dtype === "f16" ? "finite values up to 65504 (the largest f16; f32 rows take more)" : "finite values";
      throw fail("rows", values, `${rows[wrong]} in row ${Math.floor(wrong / m.dim)}`);
    }
  }

  /** Removes a video with the next commit. @returns whether it existed */
  remove(video: string): boolean {
    const index = this.#names.get(video);
    if (index === undefined) return false;
    this.#names.delete(video);
    this.#replaced.add(index);
    return true;
  }

  /** Changes the record of the text encoder. */
  setText(text: IndexManifest["text"]): void {
    this.#manifest.text = text;
  }

  /** Makes all changes so far durable. */
  commit(): void {
    writing(this.#folder, () => {
      if (this.#replaced.size > 0) this.#rewrite();
      for (const kind of FILE_KINDS) syncFile(this.#files[kind]);
    });
    if (!this.#lock.held()) {
      throw new InvalidArgumentError(`${this.#folder}: its lock was taken by somebody else; nothing more was saved`, {
        argument: "folder",
      });
    }
    writeManifest(this.#folder, this.#manifest);
    this.#committed = { ...this.#manifest };
  }

  /** Takes back all commits of this writer: the index is as it was at the opening. */
  undo(): void {
    if (JSON.stringify(this.#committed) === JSON.stringify(this.#first) || !this.#lock.held()) return;
    // what was not committed makes room for the manifest; added videos lie behind the end, where readers may use them
    for (const kind of FILE_KINDS) ftruncateSync(this.#files[kind], committedBytes(kind, this.#committed));
    const undone = nextGeneration({ ...this.#first, generation: this.#committed.generation }) - 1;
    const manifest = { ...this.#first, undone };
    writeManifest(this.#folder, manifest, this.#first.updatedAt);
    this.#committed = manifest;
  }

  /**
   * Removes an index that was empty at the opening, under the lock of this writer: a full disk has no room for another
   * lock.
   */
  discard(): void {
    if (this.#first.videos > 0) return this.undo();
    if (!this.#lock.held()) return;
    removeFile(join(this.#folder, MANIFEST));
    this.discarded = true;
  }

  /** Removes the files of other states than the committed one, which `undo` could have needed. */
  close(): void {
    for (const file of Object.values(this.#files)) closeSync(file);
    if (this.#lock.held()) removeOtherGenerations(this.#folder, this.discarded ? -1 : this.#committed.generation);
    this.#lock.release();
  }

  /** Continues in files of a new generation, which are committed at once unless this would also remove videos. */
  #leaveUndone(): void {
    const alone = this.#replaced.size === 0;
    writing(this.#folder, () => this.#rewrite());
    if (alone) this.commit();
  }

  /** Copies everything except the replaced videos into files of a new generation, and continues with those. */
  #rewrite(): void {
    const old = this.#manifest;
    const source = this.#files;
    const next = emptied(old);
    const target = createFiles(this.#folder, next);
    try {
      const records = readAll(source.videos, HEADER_BYTES, old.videos * VIDEO_BYTES);
      for (let i = 0; i < old.videos; i++) {
        if (this.#replaced.has(i)) continue;
        this.#lock.renew(); // the event loop is blocked while the files are copied
        const at = i * VIDEO_BYTES;
        const [first, nameAt] = [records.readDoubleLE(at), records.readDoubleLE(at + 8)];
        const [rows, nameBytes] = [records.readUInt32LE(at + 16), records.readUInt32LE(at + 20)];
        const rowBytes = old.dim * ROW_DTYPES[old.dtype];
        const from = HEADER_BYTES + first * rowBytes;
        copyBytes(source.rows, from, rows * rowBytes, target.rows, committedBytes("rows", next));
        const spans = readAll(source.spans, HEADER_BYTES + first * SPAN_BYTES, rows * SPAN_BYTES);
        for (let r = 0; r < rows; r++) spans.writeUInt32LE(next.videos, r * SPAN_BYTES + 16);
        writeAll(target.spans, spans, committedBytes("spans", next));
        copyBytes(source.names, HEADER_BYTES + nameAt, nameBytes, target.names, committedBytes("names", next));
        const record = Buffer.alloc(VIDEO_BYTES);
        writeVideo(record, 0, next.rows, next.nameBytes, rows, nameBytes);
        writeAll(target.videos, record, committedBytes("videos", next));
        next.rows += rows;
        next.videos++;
        next.nameBytes += nameBytes;
      }
    } catch (error) {
      for (const file of Object.values(target)) closeSync(file);
      throw error;
    }
    for (const file of Object.values(source)) closeSync(file);
    const dropped = [...this.#replaced].sort((a, b) => a - b);
    let below = 0;
    const kept = new Map<number, number>();
    for (let i = 0; i < old.videos; i++) {
      if (dropped[below] === i) below++;
      else kept.set(i, i - below);
    }
    for (const [name, i] of this.#names) this.#names.set(name, kept.get(i)!);
    this.#replaced.clear();
    this.#files = target;
    this.#manifest = next;
  }
}

/** A manifest of the next generation, without videos. */
const emptied = (m: IndexManifest): IndexManifest => ({
  ...m,
  ...{ generation: nextGeneration(m), undone: undefined, rows: 0, videos: 0, nameBytes: 0 },
});

function writeSpan(records: Buffer, i: number, start: number, end: number, video: number): void {
  records.writeDoubleLE(start, i * SPAN_BYTES);
  records.writeDoubleLE(end, i * SPAN_BYTES + 8);
  records.writeUInt32LE(video, i * SPAN_BYTES + 16);
}

function writeVideo(records: Buffer, i: number, first: number, nameAt: number, rows: number, nameBytes: number): void {
  records.writeDoubleLE(first, i * VIDEO_BYTES);
  records.writeDoubleLE(nameAt, i * VIDEO_BYTES + 8);
  records.writeUInt32LE(rows, i * VIDEO_BYTES + 16);
  records.writeUInt32LE(nameBytes, i * VIDEO_BYTES + 20);
}

function createFiles(folder: string, manifest: IndexManifest): Record<FileKind, number> {
  const files = {} as Record<FileKind, number>;
  for (const kind of FILE_KINDS) {
    files[kind] = openSync(join(folder, fileName(kind, manifest.generation)), "w+");
    writeAll(files[kind], fileHeader(kind, manifest), 0);
  }
  return files;
}

/** Opens the files and removes data beyond the lengths in the manifest, unless readers may use them. */
function openForWriting(folder: string, manifest: IndexManifest): Record<FileKind, number> {
  const files = {} as Record<FileKind, number>;
  for (const kind of FILE_KINDS) {
    files[kind] = openSync(join(folder, fileName(kind, manifest.generation)), "r+");
    if (manifest.undone === undefined) ftruncateSync(files[kind], committedBytes(kind, manifest));
  }
  return files;
}

function writeManifest(folder: string, manifest: IndexManifest, updatedAt = new Date().toISOString()): void {
  manifest.updatedAt = updatedAt;
  const file = new DurableFile(join(folder, MANIFEST), join(folder, ".index.json.tmp"));
  try {
    file.write(manifestText(manifest));
    file.commit();
  } catch (error) {
    file.discard();
    throw error;
  }
}

/**
 * Removes data files that no manifest refers to. Files that cannot be removed yet (mapped, on Windows) are left for a
 * later run.
 */
function removeOtherGenerations(folder: string, generation: number): void {
  const own = new Set<string>(FILE_KINDS.map((kind) => fileName(kind, generation)));
  for (const name of readdirSync(folder)) {
    if (!DATA_FILE.test(name) || own.has(name)) continue;
    removeIfPossible(join(folder, name));
  }
}

function readAll(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const n = readSync(file, bytes, done, Math.min(length - done, 1 << 30), position + done);
    if (n === 0) throw new InvalidArgumentError("the index became shorter while it was read", { argument: "folder" });
    done += n;
  }
  return bytes;
}

function copyBytes(from: number, at: number, length: number, to: number, position: number): void {
  const block = 1 << 24;
  for (let done = 0; done < length; done += block)
    writeAll(to, readAll(from, at + done, Math.min(block, length - done)), position + done);
}
