import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { type JsonLine, readJsonLines } from "../base/json_lines.js";

/** Bytes before the position up to which a file was read, by which a replaced one is noticed. */
const REMEMBERED = 64;

interface Progress {
  bytes: number;
  lines: number;
  /** The last of these bytes. */
  last: Buffer;
  /** Time of the last change, if the file had no more bytes then. */
  modified: number | undefined;
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
      this.#parts.set(name, { bytes, lines, ...endOf(join(folder, name), bytes) });
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
    for (const [name, { bytes, last, modified }] of this.#parts) {
      if (!there.has(name)) return false;
      const path = join(this.folder, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (!stat || stat.size < bytes) return false;
      if (stat.size === bytes && stat.mtimeMs === modified) continue;
      if (stat.size === bytes && modified !== undefined) return false; // changed, and no longer
      if (!endOf(path, bytes).last.equals(last)) return false;
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
      const part = this.#parts.get(name) ?? { bytes: 0, lines: 0, last: Buffer.alloc(0), modified: undefined };
      this.#parts.set(name, part);
      const from = { at: part.bytes, line: part.lines + 1 };
      for (const line of readJsonLines(path, { from })) {
        const end = line.at + line.bytes + 1;
        this.#read += end - part.bytes;
        [part.bytes, part.lines] = [end, line.line];
        yield { name, path, line };
      }
      if (part.bytes > from.at) Object.assign(part, endOf(path, part.bytes));
    }
  }
}

/** The bytes before a position, and the time of the last change of a file that ends there. */
function endOf(path: string, position: number): Pick<Progress, "last" | "modified"> {
  const bytes = Buffer.alloc(Math.min(REMEMBERED, position));
  const file = openSync(path, "r");
  try {
    const last = bytes.subarray(0, readSync(file, bytes, 0, bytes.length, position - bytes.length));
    const { size, mtimeMs } = fstatSync(file);
    return { last, modified: size === position ? mtimeMs : undefined };
  } finally {
    closeSync(file);
  }
}
