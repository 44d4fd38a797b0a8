/**
 * The folder of a feature index.
 *
 *     index.json       manifest with the committed lengths of the other files; every change replaces it
 *     rows-G.bin       rows `[rows, dim]` f16 or f32, row-major
 *     spans-G.bin      per row 24 bytes: start f64, end f64 (seconds), video u32, zero u32
 *     videos-G.bin     per video 24 bytes: first row f64, name offset f64, rows u32, name bytes u32
 *     names-G.bin      names of the videos, UTF-8, concatenated
 *     .lock            the process that writes
 *
 * Numbers are little-endian. Every .bin file begins with a header of 64 bytes with the id of its index. G is the generation,
 * which increases when existing data change, but not with an append. The rows of a video are consecutive and in time order.
 * After committed data were taken back (`undone`), the next append begins a generation too.
 *
 * An append writes beyond the lengths in the manifest, syncs the files and then replaces the manifest. So a reader sees the
 * index before or after the append, also when the writer was killed. A writer first removes data beyond the manifest's
 * lengths. Readers open only the committed part, so they never see a writer's uncommitted data.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { VideoClipError } from "../base/errors.js";

export const HEADER_BYTES = 64;
export const SPAN_BYTES = 24;
export const VIDEO_BYTES = 24;
export const MANIFEST = "index.json";
export const LOCK = ".lock";
export const ROW_DTYPES = { f16: 2, f32: 4 } as const;
export type RowDType = keyof typeof ROW_DTYPES;
/** Indices of the top-k kernel are i32. */
export const MAX_ROWS = 2 ** 31 - 1;

const FORMAT = "videoclip-index";
const VERSION = 1;
const MAGIC = "VCLIPIDX";

/** An index that is broken, foreign, or of another model; the error has the file. */
export class IndexError extends VideoClipError {
  constructor(
    file: string,
    message: string,
    details: { expected?: unknown; received?: unknown; cause?: unknown } = {},
  ) {
    super("ERR_INDEX", `${file}: ${message}`, { file, ...details });
  }
}

/** The settings that the rows of an index depend on. Appended rows must have the same. */
export type IndexSettings = Record<string, unknown>;

/** The model that embeds texts into the space of the rows; see `openTextEncoder`. */
export type TextEncoderInfo = { kind: string } & Record<string, unknown>;

export interface IndexManifest {
  /** 32 hex digits, also in the header of every file. */
  id: string;
  generation: number;
  dim: number;
  dtype: RowDType;
  rows: number;
  videos: number;
  nameBytes: number;
  settings: IndexSettings;
  text: TextEncoderInfo | null;
  updatedAt: string;
  /**
   * The newest generation of commits that were taken back. Readers may still use their data, so that nothing is written
   * over them: the next added video begins a later generation.
   */
  undone?: number | undefined;
}

/** A generation that no reader has seen yet. */
export const nextGeneration = ({ generation, undone = 0 }: IndexManifest): number => Math.max(generation, undone) + 1;

export const FILE_KINDS = ["rows", "spans", "videos", "names"] as const;
export type FileKind = (typeof FILE_KINDS)[number];

export const fileName = (kind: FileKind, generation: number): string => `${kind}-${generation}.bin`;
/** Names of data files, of any generation. */
export const DATA_FILE = /^(rows|spans|videos|names)-\d+\.bin$/;

/** Committed bytes of a file, including its header. */
export function committedBytes(kind: FileKind, m: IndexManifest): number {
  const data = {
    rows: m.rows * m.dim * ROW_DTYPES[m.dtype],
    spans: m.rows * SPAN_BYTES,
    videos: m.videos * VIDEO_BYTES,
    names: m.nameBytes,
  };
  return HEADER_BYTES + data[kind];
}

/** The header of a data file: magic, version, kind, id of the index, and for rows their width and item size. */
export function fileHeader(kind: FileKind, m: Pick<IndexManifest, "id" | "dim" | "dtype">): Uint8Array {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, "latin1");
  header.writeUInt32LE(VERSION, 8);
  header.write(kind, 12, 8, "latin1");
  header.write(m.id, 20, 16, "hex");
  header.writeUInt32LE(m.dim, 36);
  header.writeUInt32LE(ROW_DTYPES[m.dtype], 40);
  return header;
}

/** @throws IndexError with the actual header */
export function checkHeader(path: string, kind: FileKind, m: IndexManifest, bytes: Uint8Array): void {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (header.equals(fileHeader(kind, m))) return;
  if (header.toString("latin1", 0, 8) !== MAGIC) throw new IndexError(path, "this is not a file of a videoclip index");
  const id = header.toString("hex", 20, 36);
  if (id !== m.id) {
    throw new IndexError(path, `it belongs to another index (${id}) than its folder's ${MANIFEST} (${m.id})`, {
      expected: m.id,
      received: id,
    });
  }
  throw new IndexError(path, `its header does not fit ${MANIFEST}: expected ${kind} of ${m.dim} ${m.dtype} values`);
}

const isCount = (value: unknown, max = Number.MAX_SAFE_INTEGER): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;

/** Reads and checks the manifest. @throws IndexError */
export function readManifest(folder: string): IndexManifest {
  const path = join(folder, MANIFEST);
  let content: string;
  try {
    content = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") throw new IndexError(path, "the file is not UTF-8", { cause });
    const missing = code === "ENOENT" || code === "ENOTDIR";
    throw new IndexError(folder, missing ? `this is not an index: it has no ${MANIFEST}` : `cannot be read (${code})`, {
      cause,
    });
  }
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(content);
  } catch (cause) {
    throw new IndexError(path, `expected JSON (${(cause as Error).message})`, { cause });
  }
  if (value?.format !== FORMAT) {
    throw new IndexError(path, `expected "format": "${FORMAT}", found ${JSON.stringify(value?.format)}`);
  }
  if (value.version !== VERSION) {
    throw new IndexError(
      path,
      `version ${JSON.stringify(value.version)} of the format: this release reads ${VERSION}`,
      {
        expected: VERSION,
        received: value.version,
      },
    );
  }
  const { id, generation, dim, dtype, rows, videos, nameBytes, settings, text, updatedAt, undone } = value;
  const wrong = Object.entries({
    id: typeof id === "string" && /^[0-9a-f]{32}$/.test(id),
    generation: isCount(generation),
    dim: isCount(dim, 1 << 20) && dim > 0,
    dtype: typeof dtype === "string" && Object.hasOwn(ROW_DTYPES, dtype),
    rows: isCount(rows, MAX_ROWS),
    videos: isCount(videos, MAX_ROWS),
    nameBytes: isCount(nameBytes),
    settings: typeof settings === "object" && settings !== null,
    undone: undone === undefined || isCount(undone),
    text: text === null || (typeof text === "object" && typeof (text as TextEncoderInfo).kind === "string"),
  }).find(([, fits]) => !fits);
  if (wrong) {
    throw new IndexError(path, `${wrong[0]} cannot be ${JSON.stringify(value[wrong[0]])}`, {
      received: value[wrong[0]],
    });
  }
  const known = { id, generation, dim, dtype, rows, videos, nameBytes, settings, text, updatedAt };
  return (undone === undefined ? known : { ...known, undone }) as IndexManifest;
}

/** The text of `index.json`. */
export function manifestText(manifest: IndexManifest): string {
  return `${JSON.stringify({ format: FORMAT, version: VERSION, ...manifest }, null, 2)}\n`;
}
