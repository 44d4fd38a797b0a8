import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { atExit } from "../../base/at_exit.js";
import { makeFolder, removeIfPossible } from "../../base/files.js";
import { parseJson } from "../../base/parse_json.js";
import { writing } from "../../base/system_error.js";
import { type Holder, ownHolder, stateOf } from "../../base/lock_holder.js";

const PREFIX = "videoclip-spool-";
/** The file of a spool that names its process, and shows by its time that the process lives. */
const OWNER = "owner.json";
/** Milliseconds between signs of life, and after which the spool of a process on another machine is left over. */
const BEAT = 60_000;
const DEAD = 60 * BEAT;

/** Space in a spool that is reserved for one file. */
export interface SpoolPlace {
  readonly path: string;
  readonly bytes: number;
  /** Returns the space that the file does not need. */
  shrink(bytes: number): void;
  /** Removes the file and returns its space. A second call does nothing. */
  release(): void;
}

interface Waiting {
  bytes: number;
  go: () => void;
}

/**
 * A folder of downloaded files of this process, of bounded size: space is reserved before a file is written, in the
 * order of the requests. The folder appears with the first file and is removed by `dispose` or the end of the process;
 * folders of processes that were killed are removed when the next one begins.
 */
export class Spool {
  readonly #parent: string;
  #folder: string | undefined;
  #used = 0;
  #waiting: Waiting[] = [];
  #files = 0;
  #beat: NodeJS.Timeout | undefined;
  #forget: (() => void) | undefined;

  constructor(
    folder: string | undefined,
    /** Bytes of all files together. */
    readonly capacity: number,
  ) {
    this.#parent = resolve(folder ?? tmpdir());
  }

  /**
   * Waits until there is space for a file.
   * @param bytes at most the capacity
   * @param ending extension of its name, without the dot
   * @throws VideoClipError `ERR_WRITE`; the signal's reason
   */
  async reserve(bytes: number, ending: string, signal?: AbortSignal): Promise<SpoolPlace> {
    signal?.throwIfAborted();
    if (this.#waiting.length > 0 || this.#used + bytes > this.capacity) await this.#turn(bytes, signal);
    else this.#used += bytes;
    try {
      return this.#place(bytes, ending);
    } catch (error) {
      this.#give(bytes);
      throw error;
    }
  }

  async #turn(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((done, refuse) => {
      const abort = () => {
        this.#waiting = this.#waiting.filter((other) => other !== waiting);
        this.#give(0); // a smaller one behind it may fit
        refuse(signal!.reason as Error);
      };
      const go = () => {
        signal?.removeEventListener("abort", abort);
        done();
      };
      const waiting = { bytes, go };
      this.#waiting.push(waiting);
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  #give(bytes: number): void {
    this.#used -= bytes;
    for (let next = this.#waiting[0]; next && this.#used + next.bytes <= this.capacity; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#used += next.bytes;
      next.go();
    }
  }

  #place(bytes: number, ending: string): SpoolPlace {
    const path = join(this.#open(), `${this.#files++}${ending === "" ? "" : `.${ending}`}`);
    let held = bytes;
    let isReleased = false;
    return {
      path,
      get bytes() {
        return held;
      },
      shrink: (size) => {
        if (isReleased || size >= held) return;
        const left = held - size;
        held = size;
        this.#give(left);
      },
      release: () => {
        if (isReleased) return;
        isReleased = true;
        removeIfPossible(path);
        this.#give(held);
      },
    };
  }

  #open(): string {
    if (this.#folder !== undefined) return this.#folder;
    makeFolder(this.#parent);
    removeLeftovers(this.#parent);
    const folder = join(this.#parent, `${PREFIX}${process.pid}-${randomBytes(6).toString("hex")}`);
    const owner = join(folder, OWNER);
    writing(folder, () => {
      mkdirSync(folder, { mode: 0o700 }); // videos may be private, and the system's temporary folder is not
      writeFileSync(owner, JSON.stringify({ ...ownHolder(), token: "" } satisfies Holder));
    });
    this.#folder = folder;
    this.#forget = atExit(() => removeFolder(folder));
    this.#beat = setInterval(() => {
      try {
        utimesSync(owner, new Date(), new Date());
      } catch {
        // the next write to the folder has the reason
      }
    }, BEAT).unref();
    return folder;
  }

  /** Removes all files. The spool can be used again. */
  dispose(): void {
    clearInterval(this.#beat);
    this.#forget?.();
    if (this.#folder !== undefined) removeFolder(this.#folder);
    this.#folder = undefined;
  }
}

function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch {
    // its disk is read-only or gone; a later start tries again
  }
}

/** Removes the spools in a folder whose processes have ended. */
function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const folder = join(parent, name);
    if (isLeftOver(folder)) removeFolder(folder);
  }
}

function isLeftOver(folder: string): boolean {
  try {
    const owner = join(folder, OWNER);
    const info = statSync(owner, { throwIfNoEntry: false });
    const age = Date.now() - (info ?? statSync(folder)).mtimeMs;
    if (!info) return age > DEAD; // a process that has just made its folder, or was killed while it did
    const state = stateOf(parseJson(readFileSync(owner, "utf8")) as Holder);
    return state === "gone" || (state === "unknown" && age > DEAD);
  } catch {
    return false; // of another user, or removed by another process
  }
}
