import { stillAt } from "../video/stills/still.js";
import { Gate } from "./gate.js";
import { SharedMaking } from "./shared_making.js";
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

/** Makes stills of videos when they are asked for, and keeps the latest ones in memory. */
export class Stills {
  readonly #making = new SharedMaking({
    gate: new Gate(PARALLEL, WAITING, "stills"),
    maxEntries: MAX_STILLS,
    maxBytes: MAX_BYTES,
    timeout: TIMEOUT,
    failure: () => "no picture of this video can be decoded",
  });

  /** @param make a JPEG of a file at a time. For tests */
  constructor(private readonly make = jpegAt) {}

  get kept(): SharedMaking["kept"] {
    return this.#making.kept;
  }
  get gate(): Gate {
    return this.#making.gate;
  }

  /**
   * A JPEG of a video. Requests for the same one share the work, which ends when none of them waits any more.
   * @param file an open video; the caller closes it
   * @param seconds after the start
   * @throws RequestError 422 for a video that cannot be decoded, 503; `signal.reason`
   */
  still(file: VideoFile, seconds: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    return this.#making.get(file, String(seconds), (path, ending) => this.make(path, seconds, ending), signal);
  }
}

async function jpegAt(path: string, seconds: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  return Uint8Array.from(await stillAt(path, seconds, { width: WIDTH, signal }));
}

/** The entity tag of what is made of a video at a time: another one when the file changes. */
export const madeTag = ({ facts }: VideoFile, ...what: readonly (string | number)[]): string =>
  `"${[facts.size.toString(16), Math.round(facts.mtimeMs).toString(16), ...what].join("-")}"`;
