import { statSync } from "node:fs";
import { basename, join } from "node:path";
import { type JsonLine, readJsonLineAt, readJsonLines, type ReadLinesOptions } from "../base/json_lines.js";

/** Facts about a video file at the time of its extraction. */
export interface SourceFacts {
  bytes: number;
  /** Time of its last change, in milliseconds since 1970. */
  modified: number;
  /** Entity tag of an object or of a file on the web, in the place of `sample`. */
  etag?: string | undefined;
  /** Hash of parts of its content, hexadecimal, by which a moved file is recognised. Absent if it could not be read. */
  sample?: string | undefined;
  /** SHA-256 of its content, hexadecimal; recorded on request. */
  sha256?: string | undefined;
}

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
  /** Of an HDR video: its transfer, and whether it was tone-mapped, such as `pq, tone-mapped` or `hlg, kept`. */
  hdr?: string | undefined;
  /** Frames per second from which the times of a raw stream, which has no time stamps, are computed. */
  assumed_fps?: number | undefined;
  /** `[start, end]` in seconds of each part with broken data, whose clips were left out. */
  broken?: [number, number][] | undefined;
  /** Earlier paths of the video. */
  moved_from?: string[] | undefined;
  source?: SourceFacts | undefined;
  settings: Record<string, unknown>;
  finished_at: string;
}

/** A finished video in memory. Fields that are missing here are read from its line when needed. */
export interface ManifestRecord {
  path: string;
  file: string;
  clips: number;
  partial: boolean;
  movedFrom: readonly string[];
  source: SourceFacts | undefined;
  /** Records with equal settings share one object. */
  settings: Record<string, unknown>;
  finishedAt: string;
  /** Path of the manifest, and position of the line in it. */
  manifest: string;
  at: number;
  bytes: number;
}

/** A line that is not a record, or features that do not agree with their record. */
export interface BrokenRecord {
  /** `MANIFEST:LINE`, or the path of the features. */
  place: string;
  reason: string;
}

/** Names of the manifests of an extraction, of its shards and of its workers: `manifest.PART.jsonl`. */
export const MANIFEST_NAME = /^manifest(\.[\w.-]+)?\.jsonl$/;

/** Names of the failures of an extraction, of its shards and of its workers. */
export const FAILURES_NAME = /^failures(\.[\w.-]+)?\.jsonl$/;

/** Bytes of the header of a feature file that an extraction wrote. */
export const FEATURE_HEADER_BYTES = 128;

/** Lines that are no records: their number, and the first of them. */
export class BrokenLines {
  #count: number;
  readonly first: BrokenRecord[];

  constructor({ count = 0, first = [] }: { count?: number; first?: readonly BrokenRecord[] } = {}) {
    this.#count = count;
    this.first = first.slice(0, KEPT);
  }

  get count(): number {
    return this.#count;
  }

  add(broken: BrokenRecord): void {
    this.#count++;
    if (this.first.length < KEPT) this.first.push(broken);
  }
}

/** Broken lines that are kept with their reason. */
const KEPT = 100;

/** A line of a part of a manifest. */
export interface PartLine {
  line: number;
  /** Position behind the line. */
  end: number;
  /** The reason where it is no record. */
  record: ManifestRecord | string;
}

/**
 * Reads a part of a manifest line by line. A last line that is not complete is left out.
 * @param known settings of earlier records by their text, which equal ones share; new ones are added
 * @throws the system's error when it cannot be read
 */
export function* readPart(
  manifest: string,
  known: Map<string, Record<string, unknown>>,
  options: Pick<ReadLinesOptions, "from" | "to"> = {},
): Generator<PartLine> {
  for (const line of readJsonLines(manifest, options))
    yield { line: line.line, end: line.at + line.bytes + 1, record: recordOf(manifest, line, known) };
}

/** Half of a character of two 16-bit units, which UTF-8 cannot hold. */
const HALF_CHARACTER = /\p{Surrogate}/u;

const isSpan = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(Number.isFinite) && value[0] <= value[1];

/**
 * The record in a line of a manifest.
 * @param known settings of earlier records by their text, which equal ones share; new ones are added
 * @returns the reason where it is none
 */
export function recordOf(
  manifest: string,
  { value, reason, at, bytes }: JsonLine,
  known: Map<string, Record<string, unknown>>,
): ManifestRecord | string {
  if (reason !== undefined) return reason;
  const entry = value as Partial<ManifestEntry> | null;
  if (typeof entry !== "object" || entry === null || Array.isArray(entry)) return "it is no record of a video";
  const { path, file, clips, timestamps, settings, source } = entry;
  if (typeof path !== "string" || path === "") return "its path is missing";
  if (HALF_CHARACTER.test(path) || HALF_CHARACTER.test(String(file))) return "its path is no text";
  // a manifest is not trusted: its features must be in the same folder
  if (typeof file !== "string" || file === "" || basename(file) !== file || file.includes("\0"))
    return "its file is no name of a file";
  if (!Array.isArray(timestamps) || timestamps.length !== clips) return "its timestamps are not one for each clip";
  if (!timestamps.every(isSpan)) return "its timestamps are not each a start and an end in seconds";
  const text = JSON.stringify(settings ?? {});
  if (!known.has(text)) known.set(text, (settings ?? {}) as Record<string, unknown>);
  return {
    path,
    file,
    clips,
    partial: entry.partial === true,
    movedFrom: Array.isArray(entry.moved_from) ? entry.moved_from.filter((one) => typeof one === "string") : [],
    source: factsOf(source),
    settings: known.get(text)!,
    finishedAt: String(entry.finished_at ?? ""),
    manifest,
    at,
    bytes,
  };
}

function factsOf(source: Partial<SourceFacts> | undefined): SourceFacts | undefined {
  if (typeof source?.bytes !== "number" || typeof source.modified !== "number") return undefined;
  const { bytes, modified, etag, sample, sha256 } = source;
  return {
    bytes,
    modified,
    ...(typeof etag === "string" ? { etag } : {}),
    ...(typeof sample === "string" ? { sample } : {}),
    ...(typeof sha256 === "string" ? { sha256 } : {}),
  };
}

/** The complete line of a record. @throws SyntaxError, or the system's error when the manifest has changed */
export const entryOf = (record: ManifestRecord): ManifestEntry =>
  readJsonLineAt(record.manifest, record) as ManifestEntry;

/** The reason why the features of a record cannot be used (missing or incomplete), or undefined. */
export function featureFault(folder: string, record: ManifestRecord): string | undefined {
  return faultOfSize(record, statSync(join(folder, record.file), { throwIfNoEntry: false })?.size);
}

/** As {@link featureFault}, by the size of the feature file; undefined if there is none. */
export function faultOfSize({ clips, settings }: ManifestRecord, bytes: number | undefined): string | undefined {
  if (bytes === undefined) return "the file is gone";
  const size = { f16: 2, f32: 4 }[String(settings.dtype)];
  if (typeof settings.dim !== "number" || size === undefined) return undefined;
  const expected = FEATURE_HEADER_BYTES + clips * settings.dim * size;
  return bytes === expected ? undefined : `the file has ${bytes} bytes, ${clips} clips need ${expected}`;
}
