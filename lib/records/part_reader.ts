import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { type JsonLine, readJsonLines } from "../base/json_lines.js";

/** Bytes before the position up to which a file was read, by which a replaced one is noticed. */
const REMEMBERED = 64;

interface Progress {
  bytes: number;
  lines: number;
  /** The last of these bytes. */
  last: Buffer;
}

/** Reads files of JSON lines that writers append to, and later what was added to them. */
export class PartReader {
  readonly #parts = new Map<string, Progress>();
  #read = 0;

  /** @param covered files of the folder, and how much of them need not be read */
  constructor(
    readonly folder: string,
    covered: readonly { name: string; bytes: number; lines: number }[] = [],
  ) {
    for (const { name, bytes, lines } of covered)
      this.#parts.set(name, { bytes, lines, last: bytesBefore(join(folder, name), bytes) });
  }

  /** Number of bytes that were read. */
  get bytes(): number {
    return this.#read;
  }

  names(): string[] {
    return [...this.#parts.keys()].sort();
  }

  /** Whether the files have become longer at most. @param names of all files there are */
  continues(names: readonly string[]): boolean {
    const there = new Set(names);
    for (const [name, { bytes, last }] of this.#parts) {
      if (!there.has(name)) return false;
      const path = join(this.folder, name);
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? -1;
      if (size < bytes || (size > bytes && !bytesBefore(path, bytes).equals(last))) return false;
    }
    return true;
  }

  /** Number of bytes that were not read yet. */
  unread(names: readonly string[]): number {
    let bytes = 0;
    for (const name of names) {
      const size = statSync(join(this.folder, name), { throwIfNoEntry: false })?.size ?? 0;
      bytes += Math.max(0, size - (this.#parts.get(name)?.bytes ?? 0));
    }
    return bytes;
  }

  /** Reads on in each file. Incomplete last lines are left for the next time. */
  *read(names: readonly string[]): Generator<{ name: string; path: string; line: JsonLine }> {
    for (const name of names) {
      const path = join(this.folder, name);
      const part = this.#parts.get(name) ?? { bytes: 0, lines: 0, last: Buffer.alloc(0) };
      this.#parts.set(name, part);
      const from = { at: part.bytes, line: part.lines + 1 };
      for (const line of readJsonLines(path, { from })) {
        const end = line.at + line.bytes + 1;
        this.#read += end - part.bytes;
        [part.bytes, part.lines] = [end, line.line];
        yield { name, path, line };
      }
      if (part.bytes > from.at) part.last = bytesBefore(path, part.bytes);
    }
  }
}

function bytesBefore(path: string, position: number): Buffer {
  const bytes = Buffer.alloc(Math.min(REMEMBERED, position));
  const file = openSync(path, "r");
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, position - bytes.length));
  } finally {
    closeSync(file);
  }
}
