import { closeSync, fstatSync, openSync, read as readCallback, readSync } from "node:fs";
import { promisify } from "node:util";
import { addressFault } from "../base/addresses.js";
import { WeightsError } from "../base/errors.js";
import { TO_READ } from "../base/open_flags.js";

const CHUNK_BYTES = 4 << 20;
/** Maximum bytes of one asynchronous read, and the size below which a blocking read is faster. */
const ASYNC_BYTES = 32 << 20;
const SMALL_BYTES = 128 << 10;
const readAsync = promisify(readCallback);

/** A file opened for reading by position; every read is checked against the size at opening. */
export class ByteFile {
  readonly size: number;
  #fd: number;

  constructor(readonly path: string) {
    const fault = addressFault(path);
    if (fault) throw new WeightsError(fault, { file: path });
    try {
      this.#fd = openSync(path, TO_READ);
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
    return Buffer.allocUnsafeSlow(length); // not from the pool, so that it is aligned; the content is overwritten
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
    const bytes = await this.#fill(this.#allocate(offset, length), offset);
    signal?.throwIfAborted();
    return bytes;
  }

  /**
   * Bytes in order, one chunk at a time, while the next one is read. Chunks are multiples of 8 bytes, except for the
   * last one; a chunk is valid until the next one is requested.
   * @throws the signal's reason when it is aborted
   */
  async *chunks(offset: number, length: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    const buffers = [0, 1].map(() => Buffer.allocUnsafeSlow(Math.min(length, CHUNK_BYTES)));
    const read = (at: number, i: number): Promise<Uint8Array> | undefined => {
      const size = Math.min(CHUNK_BYTES, length - at);
      const reading = size > 0 ? this.#fill(buffers[i % 2].subarray(0, size), offset + at) : undefined;
      reading?.catch(() => {}); // awaited in the next iteration
      return reading;
    };
    let next = read(0, 0);
    try {
      for (let at = 0, i = 0; next; i++) {
        const chunk = await next;
        signal?.throwIfAborted();
        at += chunk.length;
        next = read(at, i + 1);
        yield chunk;
      }
    } finally {
      await next?.catch(() => {}); // after this, nothing reads the file
    }
  }

  /** Fills memory with bytes at a position of the file. */
  async #fill(bytes: Buffer, offset: number): Promise<Buffer> {
    for (let done = 0; done < bytes.length;) {
      const length = Math.min(bytes.length - done, ASYNC_BYTES);
      const { bytesRead } = await readAsync(this.#fd, bytes, done, length, offset + done);
      if (bytesRead === 0) throw this.fail("the file became shorter while it was read", offset + done);
      done += bytesRead;
    }
    return bytes;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
