import { randomBytes } from "node:crypto";
import { readFileSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { atExit } from "../base/at_exit.js";
import { createExclusive, quietly, removeIfPossible } from "../base/files.js";
import { type Holder, ownHolder, stateOf } from "../base/lock_holder.js";
import { systemCode } from "../base/system_error.js";

/** Milliseconds between two signs of life, and without one after which a builder counts as gone. */
const [BEAT, PATIENCE] = [2000, 30_000];
const POLL = 200;

/**
 * The turn to make the index of a folder, so that many processes do not make the same. It only saves work: an index is
 * correct also when two make it at once.
 */
export class BuildTurn {
  #forget: () => void;
  #beat = Date.now();

  private constructor(
    readonly path: string,
    private readonly token: string,
  ) {
    this.#forget = atExit(() => this.release());
  }

  /**
   * Waits until nobody else makes the index.
   * @param isMade whether somebody else has made it; then there is nothing to do
   */
  static async take(home: string, isMade: () => boolean, signal?: AbortSignal): Promise<BuildTurn | undefined> {
    const path = join(home, "building");
    const token = randomBytes(8).toString("hex");
    let seen = { mark: "", since: 0 };
    for (;;) {
      signal?.throwIfAborted();
      try {
        createExclusive(path, JSON.stringify({ ...ownHolder(), token }));
        return new BuildTurn(path, token);
      } catch (error) {
        if (systemCode(error) !== "EEXIST") throw error;
      }
      const holder = readHolder(path);
      const mark = `${holder?.token} ${statSync(path, { throwIfNoEntry: false })?.mtimeMs}`;
      if (mark !== seen.mark) seen = { mark, since: Date.now() };
      const patience = holder ? PATIENCE : BEAT; // a process that was killed at once leaves an empty file
      if ((holder && stateOf(holder) === "gone") || Date.now() - seen.since > patience) {
        removeIfPossible(path);
        continue;
      }
      await sleep(POLL, undefined, { signal });
      if (isMade()) return undefined;
    }
  }

  /** Shows others that the work goes on. */
  renew(): void {
    const now = Date.now();
    if (now - this.#beat < BEAT) return;
    this.#beat = now;
    quietly(() => utimesSync(this.path, now / 1000, now / 1000));
  }

  release(): void {
    this.#forget();
    if (readHolder(this.path)?.token === this.token) removeIfPossible(this.path);
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8"));
    return typeof value?.pid === "number" && typeof value.host === "string" ? value : undefined;
  } catch {
    return undefined; // gone, or being written
  }
}
