import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { type BrokenRecord, type ManifestRecord, readPart } from "./feature_manifest.js";

/** Bytes before the position up to which a part was read, by which a replaced one is noticed. */
const REMEMBERED = 64;

interface Progress {
  bytes: number;
  lines: number;
  /** The last of these bytes. */
  last: Buffer;
}

/** Reads the parts of a manifest, and later what was added to them. */
export class PartReader {
  #parts = new Map<string, Progress>();
  /** Bytes that were read, without those that tables cover. */
  #read = 0;

  /** @param covered parts, and how much of them need not be read */
  constructor(folder = "", covered: readonly { name: string; bytes: number; lines: number }[] = []) {
    for (const { name, bytes, lines } of covered)
      this.#parts.set(name, { bytes, lines, last: before(join(folder, name), bytes) });
  }

  get inMemory(): number {
    return this.#read;
  }

  names(): string[] {
    return [...this.#parts.keys()].sort();
  }

  /** Whether the parts have become longer at most. */
  continues(folder: string, names: readonly string[]): boolean {
    for (const [name, { bytes, last }] of this.#parts) {
      if (!names.includes(name)) return false;
      const size = statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? -1;
      if (size < bytes || (size > bytes && !before(join(folder, name), bytes).equals(last))) return false;
    }
    return true;
  }

  /** Number of bytes that were not read yet. */
  unread(folder: string, names: readonly string[]): number {
    let bytes = 0;
    for (const name of names) {
      const size = statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
      bytes += Math.max(0, size - (this.#parts.get(name)?.bytes ?? 0));
    }
    return bytes;
  }

  /** Reads on in each part. */
  *read(
    folder: string,
    names: readonly string[],
    known: Map<string, Record<string, unknown>>,
  ): Generator<{ record: ManifestRecord } | BrokenRecord> {
    for (const name of names) {
      const manifest = join(folder, name);
      const part = this.#parts.get(name) ?? { bytes: 0, lines: 0, last: Buffer.alloc(0) };
      this.#parts.set(name, part);
      const from = { at: part.bytes, line: part.lines + 1 };
      for (const { line, end, record } of readPart(manifest, known, { from })) {
        this.#read += end - part.bytes;
        [part.bytes, part.lines] = [end, line];
        if (typeof record === "string") yield { place: `${manifest}:${line}`, reason: record };
        else yield { record };
      }
      if (part.bytes > from.at) part.last = before(manifest, part.bytes);
    }
  }
}

/** The bytes before a position. */
function before(path: string, position: number): Buffer {
  const bytes = Buffer.alloc(Math.min(REMEMBERED, position));
  const file = openSync(path, "r");
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, position - bytes.length));
  } finally {
    closeSync(file);
  }
}
