import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { writingAsync } from "../base/system_error.js";
import type { CallOptions, GetOptions, ObjectBody } from "./object_store.js";
import { Retries, type RetryOptions } from "./retry.js";
import { StorageError, storageErrorOf } from "./storage_error.js";

/** What a download reads from. */
export interface DownloadSource {
  address: string;
  get(options: GetOptions): Promise<ObjectBody>;
}

export interface DownloadOptions extends CallOptions {
  /** Bytes that the file may have. */
  limit: number;
  /** Also compute its SHA-256. */
  hash?: boolean | undefined;
  retry?: RetryOptions | undefined;
}

/** Facts about a file that was downloaded whole. */
export interface Downloaded {
  bytes: number;
  modified: number;
  etag?: string | undefined;
  sha256?: string | undefined;
}

/** An object that is larger than the limit. */
export class TooLarge extends Error {
  constructor(readonly bytes: number) {
    super(`more than ${bytes} bytes`);
  }
}

/** Times that a download begins again because the object changed. */
const CHANGES = 3;
/** Bytes that are collected before they are written, because every write of a small part costs a change of threads. */
const WRITE_BYTES = 512 * 1024;

/**
 * Downloads into a file, which is replaced. Data that end early, or stop, are continued from where they ended, if the
 * object is still the same; an object that changed in between, and one of which nobody can say it, are begun again.
 * @throws StorageError; TooLarge; VideoClipError `ERR_WRITE`; the signal's reason
 */
export async function download(source: DownloadSource, path: string, options: DownloadOptions): Promise<Downloaded> {
  const file = await writingAsync(path, () => open(path, "w"));
  try {
    return await new Download(source, path, file, options).run();
  } finally {
    await file.close();
  }
}

class Download {
  #retries: Retries;
  #facts: ObjectBody["facts"] | undefined;
  #done = 0;
  #hash: ReturnType<typeof createHash> | undefined;
  #changes = 0;
  /** Bytes that have arrived and are not written, and their number. */
  readonly #buffer = Buffer.allocUnsafe(WRITE_BYTES);
  #waiting = 0;
  /** Bytes of the file, which another version of the object may have made longer. */
  #longest = 0;

  constructor(
    readonly source: DownloadSource,
    readonly path: string,
    readonly file: FileHandle,
    readonly options: DownloadOptions,
  ) {
    this.#retries = new Retries(options.retry);
    this.#begin();
  }

  async run(): Promise<Downloaded> {
    const { signal } = this.options;
    let furthest = 0;
    for (let failed = 0; ;) {
      try {
        if (await this.#attempt()) return this.#result();
      } catch (cause) {
        signal?.throwIfAborted();
        const error =
          cause instanceof TooLarge || isWriteError(cause) ? cause : storageErrorOf(this.source.address, cause);
        if (!(error instanceof StorageError)) throw error;
        if (error.fault === "changed") this.#change(error);
        else if (error.fault !== "interrupted") throw error;
        else {
          const isFurther = this.#canContinue() && this.#done > furthest;
          failed = isFurther ? 1 : failed + 1;
          if (failed >= this.#retries.attempts) throw new StorageError("denied", error.message, { ...error.details, cause: error }); // prettier-ignore
          if (isFurther) furthest = this.#done;
          await this.#retries.wait(failed, signal);
          if (!this.#canContinue()) this.#begin();
        }
      }
    }
  }

  /** Reads one body. @returns whether the object is complete */
  async #attempt(): Promise<boolean> {
    const from = this.#done;
    const ifMatch = from > 0 && isStrong(this.#facts?.etag) ? this.#facts?.etag : undefined;
    const { signal } = this.options;
    const got = await this.source.get({ from, ifMatch, signal });
    const parts = got.body[Symbol.asyncIterator]();
    try {
      if (from > 0 && got.from === 0) this.#begin(); // a server without ranges
      else if (got.from !== from || (from > 0 && !isSame(this.#facts!, got.facts))) throw this.#fault("changed", "it changed while it was downloaded"); // prettier-ignore
      this.#facts = got.facts;
      const { bytes } = got.facts;
      const { limit } = this.options;
      if (bytes !== undefined && bytes > limit) throw new TooLarge(bytes);
      for (let step = await parts.next(); !step.done; step = await parts.next()) {
        const part = step.value;
        if (this.#done + this.#waiting + part.length > Math.min(limit, bytes ?? Infinity)) {
          if (bytes === undefined) throw new TooLarge(limit);
          throw this.#fault("changed", `more than its ${bytes} bytes arrived`);
        }
        await this.#collect(part);
      }
      await this.#write();
      if (bytes === undefined || this.#done === bytes) return true;
      throw this.#fault("interrupted", `the data end after ${this.#done} of ${bytes} bytes`);
    } finally {
      await parts.return?.().catch(() => {});
      await this.#write(); // what has arrived need not be sent again
    }
  }

  /** Copies a part, because its owner may use its memory again. */
  async #collect(part: Uint8Array): Promise<void> {
    for (let at = 0; at < part.length;) {
      const rest = part.subarray(at, at + WRITE_BYTES - this.#waiting);
      this.#buffer.set(rest, this.#waiting);
      this.#waiting += rest.length;
      at += rest.length;
      if (this.#waiting === WRITE_BYTES) await this.#write();
    }
  }

  async #write(): Promise<void> {
    const part = this.#buffer.subarray(0, this.#waiting);
    this.#waiting = 0;
    await writingAsync(this.path, async () => {
      for (let at = 0; at < part.length;) {
        at += (await this.file.write(part, at, part.length - at, this.#done + at)).bytesWritten;
      }
    });
    this.#hash?.update(part);
    this.#done += part.length;
    this.#longest = Math.max(this.#longest, this.#done);
  }

  #begin(): void {
    this.#done = 0;
    this.#waiting = 0;
    this.#facts = undefined;
    this.#hash = this.options.hash ? createHash("sha256") : undefined;
  }

  #change(error: StorageError): void {
    if (++this.#changes > CHANGES) {
      const message = `${this.source.address}: it changes again and again while it is downloaded`;
      throw new StorageError("denied", message, { ...error.details, cause: error });
    }
    this.#begin();
  }

  /** Whether a later part can be known to belong to the same object. */
  #canContinue(): boolean {
    const facts = this.#facts;
    return facts?.bytes !== undefined && (isStrong(facts.etag) || facts.modified > 0);
  }

  #fault(fault: "changed" | "interrupted", reason: string): StorageError {
    const { address } = this.source;
    return new StorageError(fault, `${address}: ${reason}`, { file: address });
  }

  async #result(): Promise<Downloaded> {
    const { modified, etag } = this.#facts!;
    if (this.#longest > this.#done) await writingAsync(this.path, () => this.file.truncate(this.#done));
    return {
      bytes: this.#done,
      modified,
      ...(etag === undefined ? {} : { etag }),
      ...(this.#hash ? { sha256: this.#hash.digest("hex") } : {}),
    };
  }
}

const isStrong = (etag: string | undefined): boolean => etag !== undefined && !etag.startsWith("W/");

const isSame = (a: ObjectBody["facts"], b: ObjectBody["facts"]): boolean =>
  a.bytes === b.bytes && a.etag === b.etag && (isStrong(a.etag) || a.modified === b.modified);

const isWriteError = (error: unknown): boolean => (error as { code?: unknown } | undefined)?.code === "ERR_WRITE";
