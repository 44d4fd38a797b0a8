import { DatasetError } from "../base/errors.js";
import { closeSync, openSync, readSync } from "node:fs";
import type { Place } from "./record_order.js";

/** Files that are open at the same time. */
const OPEN = 64;

/** Reads the lines of many records, with open files. */
export class LineReader {
  readonly #files = new Map<string, number>();

  /** The bytes of a line, without zeros before it, as file systems leave them after a power failure, and line break. */
  read({ manifest, at, bytes }: Place): Buffer {
    const file = this.#open(manifest);
    const line = Buffer.allocUnsafe(bytes);
    for (let done = 0; done < bytes;) {
      const count = readSync(file, line, done, bytes - done, at + done);
      if (count === 0)
        throw new DatasetError("ERR_FEATURES", `${manifest}: it has become shorter while it was read`, {
          file: manifest,
        });
      done += count;
    }
    let [begin, end] = [0, bytes];
    while (begin < end && line[begin] === 0) begin++;
    if (line[end - 1] === 0x0d) end--;
    return line.subarray(begin, end);
  }

  #open(path: string): number {
    let file = this.#files.get(path);
    if (file !== undefined) return file;
    if (this.#files.size >= OPEN) {
      const [first, oldest] = this.#files.entries().next().value!;
      closeSync(oldest);
      this.#files.delete(first);
    }
    file = openSync(path, "r");
    this.#files.set(path, file);
    return file;
  }

  close(): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
  }
}
