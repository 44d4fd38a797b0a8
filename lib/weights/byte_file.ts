import { closeSync, fstatSync, openSync, read as readCallback, readSync } from "node:fs";
import { promisify } from "node:util";
import { WeightsError } from "../errors.js";

const CHUNK_BYTES = 4 << 20;
/** Bytes of one asynchronous read, between which an abort is noticed; and below which a blocking read takes less time. */
const ASYNC_BYTES = 32 << 20;
const SMALL_BYTES = 128 << 10;
const readAsync = promisify(readCallback);

/** A file opened for reading by position; every read is checked against the size it had when opened. */
export class ByteFile {
  readonly size: number;
  #fd: number;

  constructor(readonly path: string) {
    try {
      this.#fd = openSync(path, "r");
    } catch (cause) {
      throw new WeightsError(`${path}: cannot be opened (${(cause as NodeJS.ErrnoException).code})`, {
        file: path,
        cause,
      });
    }
    const stat = fstatSync(this.#fd);
    if (!stat.isFile()) {
      closeSync(this.#fd);
      throw new WeightsError(`${path}: expected a file`, { file: path });
    }
    this.size = stat.size;
  }

  fail(message: string, byte?: number): WeightsError {
    const at = byte === undefined ? "" : ` (byte ${byte})`;
    return new WeightsError(`${this.path}: ${message}${at}`, { file: this.path, byte });
  }

  /** Memory for bytes of the file. */
  #allocate(offset: number, length: number): Buffer {
    if (
      !Number.isSafeInteger(offset) ||
      !Number.isSafeInteger(length) ||
      offset < 0 ||
      length < 0 ||
      offset + length > this.size
    ) {
      throw this.fail(`${length} bytes reach beyond the end of the file (${this.size} bytes)`, offset);
    }
    return Buffer.allocUnsafeSlow(length); // it will be filled; not of the pool, so that it is aligned
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = this.#allocate(offset, length);
    for (let done = 0; done < length;) {
      const n = readSync(this.#fd, bytes, done, Math.min(length - done, 1 << 30), offset + done);
      if (n === 0) throw this.fail("the file became shorter while it was read", offset + done);
      done += n;
    }
    return bytes;
  }

  /** As `read`, without blocking the event loop. @throws the signal's reason when it is aborted */
  async readAsync(offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array> {
    signal?.throwIfAborted();
    if (length <= SMALL_BYTES) return this.read(offset, length);
    const bytes = this.#allocate(offset, length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await readAsync(this.#fd, bytes, done, Math.min(length - done, ASYNC_BYTES), offset + done);
      if (bytesRead === 0) throw this.fail("the file became shorter while it was read", offset + done);
      signal?.throwIfAborted();
      done += bytesRead;
    }
    return bytes;
  }

  /**
   * Calls `use` with all bytes in order, a chunk at a time; the next one is read meanwhile.
   * @throws the signal's reason when it is aborted
   */
  async forEachChunk(use: (chunk: Uint8Array) => void, signal?: AbortSignal): Promise<void> {
    const buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(CHUNK_BYTES));
    const next = (at: number, i: number) => {
      const length = Math.min(CHUNK_BYTES, this.size - at);
      return length === 0 ? undefined : readAsync(this.#fd, buffers[i % 2], 0, length, at);
    };
    let reading = next(0, 0);
    for (let at = 0, i = 0; reading; i++) {
      const { bytesRead } = await reading;
      signal?.throwIfAborted();
      if (bytesRead === 0) throw this.fail("the file became shorter while it was read", at);
      at += bytesRead;
      reading = next(at, i + 1);
      use(buffers[i % 2].subarray(0, bytesRead));
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}
