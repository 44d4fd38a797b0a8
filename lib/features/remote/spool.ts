import { join } from "node:path";
import { removeIfPossible } from "../../base/files.js";
import { ScratchFolder } from "./scratch_folder.js";

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
 * order of the requests.
 */
export class Spool {
  readonly #folder: ScratchFolder;
  #used = 0;
  #waiting: Waiting[] = [];
  #files = 0;

  constructor(
    folder: string | undefined,
    /** Bytes of all files together. */
    readonly capacity: number,
  ) {
    this.#folder = new ScratchFolder(folder);
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
    const path = join(this.#folder.path, `${this.#files++}${ending === "" ? "" : `.${ending}`}`);
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

  /** Removes all files. The spool can be used again. */
  dispose(): void {
    this.#folder.dispose();
  }
}
