import { closeSync, openSync, readSync } from "node:fs";
import { atExit } from "../base/at_exit.js";
import { DurableFile, removeIfPossible, writeAll } from "../base/files.js";
import { writing } from "../base/system_error.js";

/** Bytes that are written together. */
const WRITE_BYTES = 1 << 16;

/**
 * Writes files that appear together at the end: the first one last, when the others exist. After an error none appears.
 * @throws VideoClipError `ERR_WRITE`; errors of `work`
 */
export async function writeTogether(
  paths: readonly string[],
  work: (...files: DurableFile[]) => Promise<void>,
): Promise<void> {
  const files: DurableFile[] = [];
  try {
    for (const path of paths) files.push(new DurableFile(path));
    await work(...files);
    for (const file of files.toReversed()) file.commit();
  } catch (error) {
    for (const file of files) file.discard();
    throw error;
  }
}

/** Writes texts to a file in blocks. */
export class TextBlocks {
  #parts: string[] = [];
  #length = 0;

  constructor(readonly file: Pick<DurableFile, "write">) {}

  write(text: string): void {
    this.#parts.push(text);
    this.#length += text.length;
    if (this.#length >= WRITE_BYTES) this.flush();
  }

  flush(): void {
    if (this.#length > 0) this.file.write(this.#parts.join(""));
    [this.#parts, this.#length] = [[], 0];
  }
}

/** Bytes that are kept on disk beside an output until they are copied into it. */
export class Spool {
  bytes = 0;
  #file: number;
  #forget: () => void;

  constructor(readonly path: string) {
    this.#file = writing(path, () => openSync(path, "w+"));
    this.#forget = atExit(() => removeIfPossible(path));
  }

  write(content: string | Uint8Array): void {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    writing(this.path, () => writeAll(this.#file, bytes, this.bytes));
    this.bytes += bytes.length;
  }

  /** The bytes in order; each block is valid until the next one is taken. */
  *blocks(): Generator<Uint8Array> {
    const block = Buffer.alloc(WRITE_BYTES);
    for (let at = 0; at < this.bytes;) {
      const count = readSync(this.#file, block, 0, block.length, at);
      if (count === 0) return;
      yield block.subarray(0, count);
      at += count;
    }
  }

  remove(): void {
    closeSync(this.#file);
    removeIfPossible(this.path);
    this.#forget();
  }
}
