import { stat } from "node:fs/promises";
import { VideoError } from "../base/errors.js";
import { BoundedCache } from "./bounded_cache.js";
import type { Gate } from "./gate.js";
import { RequestError } from "./request_error.js";
import type { VideoFile } from "./video_files.js";

/** Milliseconds for which a failure is remembered: the file may be repaired. */
const FAILURE_AGE = 60_000;

type Bytes = Uint8Array<ArrayBuffer>;
type Kept = { bytes: Bytes } | { failed: RequestError; until: number };

interface Making {
  promise: Promise<Bytes>;
  users: number;
  stop: AbortController;
}

interface Limits {
  /** Lets a few be made at once. */
  gate: Gate;
  maxEntries: number;
  maxBytes: number;
  /** Milliseconds after which the work is given up. */
  timeout: number;
  /** What a client learns of a video that cannot be decoded. */
  failure: (error: VideoError) => string;
}

/** Makes things from files of videos when they are asked for, and keeps the latest ones in memory. */
export class SharedMaking {
  readonly kept: BoundedCache<Kept>;
  readonly gate: Gate;
  #making = new Map<string, Making>();

  constructor(private readonly limits: Limits) {
    this.gate = limits.gate;
    this.kept = new BoundedCache(limits.maxEntries, limits.maxBytes);
  }

  /**
   * What `make` makes of a file. Requests for the same share the work, which ends when none of them waits any more.
   * @param file an open video; the caller closes it
   * @param what is made of it: the same text for the same result
   * @throws RequestError 422 for a video that cannot be decoded, 503; `signal.reason`
   */
  async get(
    file: VideoFile,
    what: string,
    make: (path: string, signal: AbortSignal) => Promise<Bytes>,
    signal: AbortSignal,
  ): Promise<Bytes> {
    const { facts } = file;
    const key = `${facts.dev} ${facts.ino} ${facts.size} ${facts.mtimeMs} ${what}`;
    const known = this.kept.get(key);
    if (known && "bytes" in known) return known.bytes;
    if (known && known.until > Date.now()) throw known.failed;
    signal.throwIfAborted();
    let making = this.#making.get(key);
    if (!making) {
      const stop = new AbortController();
      const ending = AbortSignal.any([stop.signal, AbortSignal.timeout(this.limits.timeout)]);
      const promise = this.gate.run(() => this.#makeOne(key, file, make, ending), ending);
      making = { promise, users: 0, stop };
      this.#making.set(key, making);
      const end = () => this.#making.get(key) === making && this.#making.delete(key);
      promise.then(end, end);
    }
    making.users++;
    let leave!: () => void;
    const left = new Promise<never>((_, reject) => {
      leave = () => reject(signal.reason);
      signal.addEventListener("abort", leave, { once: true });
    });
    try {
      return await Promise.race([making.promise, left]);
    } finally {
      signal.removeEventListener("abort", leave);
      if (--making.users === 0) {
        making.stop.abort(new DOMException("nobody waits for it", "AbortError"));
        if (this.#making.get(key) === making) this.#making.delete(key);
      }
    }
  }

  /** Ends all work. */
  stop(): void {
    for (const { stop } of this.#making.values()) stop.abort(new DOMException("the server ends", "AbortError"));
  }

  async #makeOne(
    key: string,
    { path, facts }: VideoFile,
    make: (path: string, signal: AbortSignal) => Promise<Bytes>,
    signal: AbortSignal,
  ): Promise<Bytes> {
    try {
      const bytes = await make(path, signal);
      // the decoder opened the file by its path: it must be the one that was checked
      const now = await stat(path);
      if (now.dev !== facts.dev || now.ino !== facts.ino)
        throw new RequestError(404, "the file of this video changed: try again");
      this.kept.set(key, { bytes }, bytes.length);
      return bytes;
    } catch (error) {
      if (!(error instanceof VideoError)) throw error;
      const failed = new RequestError(422, this.limits.failure(error));
      this.kept.set(key, { failed, until: Date.now() + FAILURE_AGE }, 200);
      throw failed;
    }
  }
}
