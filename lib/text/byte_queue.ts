import { createReadStream, openSync, readSync, closeSync } from "node:fs";
import { createGunzip } from "node:zlib";

/** Whether a file is compressed with gzip, by its first bytes. */
function isGzip(path: string): boolean {
  const fd = openSync(path, "r");
  try {
    const head = Buffer.alloc(2);
    return readSync(fd, head, 0, 2, 0) === 2 && head[0] === 0x1f && head[1] === 0x8b;
  } finally {
    closeSync(fd);
  }
}

/** The bytes of a file in order, decompressed if it is gzip; only about a chunk is in memory. */
export class ByteQueue {
  #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Number of bytes taken so far. */
  taken = 0;

  constructor(path: string, signal?: AbortSignal) {
    const file = createReadStream(path, { highWaterMark: 1 << 20, signal });
    if (!isGzip(path)) this.#chunks = file[Symbol.asyncIterator]();
    else {
      const plain = createGunzip({ chunkSize: 1 << 20 });
      file.on("error", (error) => plain.destroy(error));
      this.#chunks = file.pipe(plain)[Symbol.asyncIterator]();
    }
  }

  /** Reads more bytes; false at the end of the file. */
  async #more(): Promise<boolean> {
    const { done, value } = await this.#chunks.next();
    if (done) return false;
    const rest = this.#held.subarray(this.#at);
    this.#held = rest.length > 0 ? Buffer.concat([rest, value]) : value;
    this.#at = 0;
    return true;
  }

  /** Looks at up to `count` bytes without taking them; fewer at the end. */
  async peek(count: number): Promise<Buffer> {
    while (this.#held.length - this.#at < count && (await this.#more()));
    return this.#held.subarray(this.#at, this.#at + count);
  }

  /** Takes the next `count` bytes; undefined if fewer are left. */
  async take(count: number): Promise<Buffer | undefined> {
    const bytes = await this.peek(count);
    if (bytes.length < count) return undefined;
    this.#at += count;
    this.taken += count;
    return bytes;
  }

  /**
   * Takes the bytes up to the next `end`, and `end`, which the result excludes; at the end of the file the rest.
   * Undefined if nothing is left, or if there is no `end` within `max` bytes.
   */
  async until(end: number, max: number): Promise<Buffer | undefined> {
    for (let from = 0; ; from = this.#held.length - this.#at) {
      const found = this.#held.indexOf(end, this.#at + from);
      if (found >= 0 ? found - this.#at > max : this.#held.length - this.#at > max) return undefined;
      if (found >= 0) return this.#cut(found, 1);
      if (!(await this.#more())) return this.#held.length > this.#at ? this.#cut(this.#held.length, 0) : undefined;
    }
  }

  #cut(end: number, skip: number): Buffer {
    const bytes = this.#held.subarray(this.#at, end);
    this.taken += bytes.length + skip;
    this.#at = end + skip;
    return bytes;
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
