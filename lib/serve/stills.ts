import { stat } from "node:fs/promises";
import { VideoError } from "../base/errors.js";
import { stillAt } from "../video/stills/still.js";
import { BoundedCache } from "./bounded_cache.js";
import { Gate } from "./gate.js";
import { RequestError } from "./request_error.js";
import type { VideoFile } from "./video_files.js";

/** Pixels of the width of a still. */
const WIDTH = 320;
/** Stills that are made at once, and those that wait; each is decoded in a worker thread or by the ffmpeg program. */
const PARALLEL = 2;
const WAITING = 256;
/** Milliseconds after which a still is given up. */
const TIMEOUT = 20_000;
/** What is kept in memory. A still has about 10 KB. */
const MAX_STILLS = 4096;
const MAX_BYTES = 64 << 20;
/** Milliseconds for which a failure is remembered: the file may be repaired. */
const FAILURE_AGE = 60_000;

type Kept = { jpeg: Uint8Array<ArrayBuffer> } | { failed: RequestError; until: number };

interface Making {
  promise: Promise<Uint8Array<ArrayBuffer>>;
  users: number;
  stop: AbortController;
}

/** Makes stills of videos when they are asked for, and keeps the latest ones in memory. */
export class Stills {
  readonly kept = new BoundedCache<Kept>(MAX_STILLS, MAX_BYTES);
  readonly gate = new Gate(PARALLEL, WAITING, "stills");
  #making = new Map<string, Making>();

  /** @param make a JPEG of a file at a time. For tests */
  constructor(private readonly make = jpegAt) {}

  /**
   * A JPEG of a video. Requests for the same one share the work, which ends when none of them waits any more.
   * @param file an open video; the caller closes it
   * @param seconds after the start
   * @throws RequestError 422 for a video that cannot be decoded, 503; `signal.reason`
   */
  async still(file: VideoFile, seconds: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const { facts } = file;
    const key = `${facts.dev} ${facts.ino} ${facts.size} ${facts.mtimeMs} ${seconds}`;
    const known = this.kept.get(key);
    if (known && "jpeg" in known) return known.jpeg;
    if (known && known.until > Date.now()) throw known.failed;
    signal.throwIfAborted();
    let making = this.#making.get(key);
    if (!making) {
      const stop = new AbortController();
      const ending = AbortSignal.any([stop.signal, AbortSignal.timeout(TIMEOUT)]);
      const promise = this.gate.run(() => this.#makeOne(key, file, seconds, ending), ending);
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

  async #makeOne(key: string, { path, facts }: VideoFile, seconds: number, signal: AbortSignal) {
    try {
      const jpeg = await this.make(path, seconds, signal);
      // the decoder opened the file by its path: it must be the one that was checked
      const now = await stat(path);
      if (now.dev !== facts.dev || now.ino !== facts.ino)
        throw new RequestError(404, "the file of this video changed: try again");
      this.kept.set(key, { jpeg }, jpeg.length);
      return jpeg;
    } catch (error) {
      if (!(error instanceof VideoError)) throw error;
      const failed = new RequestError(422, "no picture of this video can be decoded");
      this.kept.set(key, { failed, until: Date.now() + FAILURE_AGE }, 200);
      throw failed;
    }
  }
}

async function jpegAt(path: string, seconds: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  return Uint8Array.from(await stillAt(path, seconds, { width: WIDTH, signal }));
}

/** The entity tag of a still: another one when the file changes. */
export const stillTag = ({ facts }: VideoFile, seconds: number): string =>
  `"${facts.size.toString(16)}-${Math.round(facts.mtimeMs).toString(16)}-${seconds}"`;
