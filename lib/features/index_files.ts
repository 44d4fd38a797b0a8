import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError } from "../base/errors.js";
import {
  checkHeader,
  committedBytes,
  FILE_KINDS,
  type FileKind,
  fileName,
  HEADER_BYTES,
  IndexError,
  type IndexManifest,
  readManifest,
  SPAN_BYTES,
  VIDEO_BYTES,
} from "./index_format.js";

/** Time span of a row. */
export interface RowSpan {
  video: number;
  /** Seconds. */
  start: number;
  end: number;
}

/** Position of a video's rows and its name. */
interface VideoRecord {
  first: number;
  rows: number;
  nameAt: number;
  nameBytes: number;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Bytes of a file that is kept in memory from its first use: a search reads thousands of records here and there. */
const KEPT_BYTES = 64 << 20;

/** The committed part of an index's files, opened for reading. Records are read on demand, those of small files from memory. */
export class IndexFiles {
  #files: Record<FileKind, number>;
  #names?: string[];
  #numbers?: ReadonlyMap<string, number>;
  #kept: Partial<Record<FileKind, Buffer>> = {};

  private constructor(
    readonly folder: string,
    readonly manifest: IndexManifest,
    files: Record<FileKind, number>,
  ) {
    this.#files = files;
  }

  /** @throws IndexError when a file is missing, truncated, foreign or does not fit the manifest */
  static open(folder: string): IndexFiles {
    for (let attempt = 0; ; attempt++) {
      const manifest = readManifest(folder);
      const files: Partial<Record<FileKind, number>> = {};
      try {
        for (const kind of FILE_KINDS) files[kind] = openFile(folder, kind, manifest);
        return new IndexFiles(folder, manifest, files as Record<FileKind, number>);
      } catch (error) {
        for (const file of Object.values(files)) closeSync(file);
        // the generation was replaced after the manifest was read
        if (attempt < 3 && readManifest(folder).generation !== manifest.generation) continue;
        throw error;
      }
    }
  }

  get rowsFile(): number {
    return this.#files.rows;
  }

  path(kind: FileKind): string {
    return join(this.folder, fileName(kind, this.manifest.generation));
  }

  /**
   * Checks that no file was truncated since it was opened: reading mapped memory beyond the end of a file would end the
   * process. @throws IndexError
   */
  checkSizes(): void {
    for (const kind of FILE_KINDS) checkSize(this.path(kind), kind, this.manifest, this.#files[kind]);
  }

  /** @throws IndexError for a row whose record names a video that does not have it */
  span(row: number): RowSpan {
    const record = this.#read("spans", row * SPAN_BYTES, SPAN_BYTES);
    const span = this.#checkedSpan(record, 0, row);
    const { first, rows } = this.video(span.video);
    if (row >= first && row < first + rows) return span;
    throw new IndexError(this.path("spans"), `row ${row} is not one of video ${span.video}, which it names`);
  }

  /** The spans of all rows of a video. @throws IndexError for a row whose record names another video */
  spansOf(index: number): RowSpan[] {
    const { first, rows } = this.video(index);
    const records = this.#read("spans", first * SPAN_BYTES, rows * SPAN_BYTES);
    return Array.from({ length: rows }, (_, i) => {
      const span = this.#checkedSpan(records, i * SPAN_BYTES, first + i);
      if (span.video === index) return span;
      const message = `row ${first + i} belongs to video ${index}, its record names ${span.video}`;
      throw new IndexError(this.path("spans"), message);
    });
  }

  /** The end of the last row of each video, in seconds; 0 for one without rows. @throws IndexError */
  async ends(): Promise<Float64Array> {
    const videos = this.videos();
    const ends = new Float64Array(videos.length);
    for (const [i, { first, rows }] of videos.entries()) {
      if (rows > 0) ends[i] = this.span(first + rows - 1).end;
      // a large index must not keep others waiting
      if (i % 1000 === 999) await new Promise(setImmediate);
    }
    return ends;
  }

  /** @throws IndexError for an unknown video */
  video(index: number): VideoRecord {
    return this.#checkedVideo(this.#read("videos", index * VIDEO_BYTES, VIDEO_BYTES), 0, index);
  }

  videoName(index: number): string {
    return this.#names?.[index] ?? this.#name(this.video(index), index);
  }

  /** Records of all videos. @throws IndexError where their rows or names do not lie one behind the other */
  videos(): VideoRecord[] {
    const count = this.manifest.videos;
    const records = this.#read("videos", 0, count * VIDEO_BYTES);
    let [first, nameAt] = [0, 0];
    const videos = Array.from({ length: count }, (_, i) => {
      const video = this.#checkedVideo(records, i * VIDEO_BYTES, i);
      if (video.first !== first || video.nameAt !== nameAt) {
        const message = `the rows or the name of video ${i} do not follow those of the one before`;
        throw new IndexError(this.path("videos"), message, { expected: { first, nameAt }, received: video });
      }
      first += video.rows;
      nameAt += video.nameBytes;
      return video;
    });
    if (first === this.manifest.rows && nameAt === this.manifest.nameBytes) return videos;
    throw new IndexError(this.path("videos"), `the videos have ${first} of ${this.manifest.rows} rows`);
  }

  /** Names of all videos; read once. */
  names(): readonly string[] {
    if (this.#names) return this.#names;
    const bytes = this.#read("names", 0, this.manifest.nameBytes);
    this.#names = this.videos().map(({ nameAt, nameBytes }, i) =>
      this.#text(bytes.subarray(nameAt, nameAt + nameBytes), i),
    );
    return this.#names;
  }

  /** The number of the video with this name. @throws InvalidArgumentError for an unknown video */
  numberOf(name: string): number {
    this.#numbers ??= new Map(this.names().map((other, i) => [other, i]));
    const number = this.#numbers.get(name);
    if (number !== undefined) return number;
    throw new InvalidArgumentError(`video: ${name} is not in the index`, { argument: "video" });
  }

  close(): void {
    for (const file of Object.values(this.#files)) closeSync(file);
  }

  #name({ nameAt, nameBytes }: VideoRecord, index: number): string {
    return this.#text(this.#read("names", nameAt, nameBytes), index);
  }

  #text(bytes: Uint8Array, index: number): string {
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new IndexError(this.path("names"), `the name of video ${index} is not UTF-8`, { cause });
    }
  }

  #checkedSpan(records: Buffer, at: number, row: number): RowSpan {
    const span = {
      start: records.readDoubleLE(at),
      end: records.readDoubleLE(at + 8),
      video: records.readUInt32LE(at + 16),
    };
    const finite = Number.isFinite(span.start) && Number.isFinite(span.end);
    const zero = records.readUInt32LE(at + 20) === 0;
    if (span.video < this.manifest.videos && finite && span.start <= span.end && zero) return span;
    throw new IndexError(this.path("spans"), `row ${row} has a broken record`, { received: span });
  }

  #checkedVideo(records: Buffer, at: number, index: number): VideoRecord {
    const video = {
      first: records.readDoubleLE(at),
      nameAt: records.readDoubleLE(at + 8),
      rows: records.readUInt32LE(at + 16),
      nameBytes: records.readUInt32LE(at + 20),
    };
    const inside = (from: number, size: number, limit: number) =>
      Number.isSafeInteger(from) && from >= 0 && from + size <= limit;
    const { rows, nameBytes } = this.manifest;
    if (inside(video.first, video.rows, rows) && inside(video.nameAt, video.nameBytes, nameBytes)) return video;
    throw new IndexError(this.path("videos"), `video ${index} has a broken record`, { received: video });
  }

  #read(kind: FileKind, at: number, bytes: number): Buffer {
    const kept = (this.#kept[kind] ??= this.#keep(kind));
    if (at + bytes <= kept.length) return kept.subarray(at, at + bytes);
    return readAt(this.path(kind), this.#files[kind], HEADER_BYTES + at, bytes);
  }

  /** The records of a small file; nothing of a large one. */
  #keep(kind: FileKind): Buffer {
    const size = committedBytes(kind, this.manifest) - HEADER_BYTES;
    return readAt(this.path(kind), this.#files[kind], HEADER_BYTES, size <= KEPT_BYTES ? size : 0);
  }
}

function openFile(folder: string, kind: FileKind, manifest: IndexManifest): number {
  const path = join(folder, fileName(kind, manifest.generation));
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (cause) {
    throw new IndexError(path, `cannot be opened (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
  try {
    checkSize(path, kind, manifest, file);
    checkHeader(path, kind, manifest, readAt(path, file, 0, HEADER_BYTES));
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function checkSize(path: string, kind: FileKind, manifest: IndexManifest, file: number): void {
  const stat = fstatSync(file);
  const expected = committedBytes(kind, manifest);
  if (!stat.isFile()) throw new IndexError(path, "expected a file");
  if (stat.size >= expected) return;
  throw new IndexError(path, `the file is truncated: expected at least ${expected} bytes, found ${stat.size}`, {
    expected,
    received: stat.size,
  });
}

function readAt(path: string, file: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const n = readSync(file, bytes, done, Math.min(length - done, 1 << 30), offset + done);
    if (n === 0) throw new IndexError(path, `the file became shorter while it was read (byte ${offset + done})`);
    done += n;
  }
  return bytes;
}
