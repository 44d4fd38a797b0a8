import { setTimeout as sleep } from "node:timers/promises";
import type { FeatureIndex } from "../features/feature_index.js";
import type { Hits } from "../features/search_hits.js";

/** The part of the time of a shared pass for which the next one waits. */
const PAUSE = 1 / 30;
/** Searches that one pass answers. */
const MAX_SHARED = 64;

interface Waiting {
  vector: Float32Array;
  top: number;
  done: (hits: Hits) => void;
  failed: (reason: unknown) => void;
}

/**
 * Searches of all rows of an index. Those that arrive while a pass over the rows runs are answered together by the next one: reading the
 * rows takes most of the time, and a row's score does not depend on the other queries.
 */
export class SharedPasses {
  #lines = new WeakMap<FeatureIndex, Waiting[]>();

  /** As `FeatureIndex.find`. The index must stay open until the promise is settled. @throws IndexError; `signal.reason` */
  async search(index: FeatureIndex, vector: Float32Array, top: number, signal: AbortSignal): Promise<Hits> {
    signal.throwIfAborted();
    let one!: Waiting;
    const promise = new Promise<Hits>((done, failed) => (one = { vector, top, done, failed }));
    let line = this.#lines.get(index);
    if (line) line.push(one);
    else {
      this.#lines.set(index, (line = [one]));
      void this.#run(index, line);
    }
    const leave = () => {
      const at = line.indexOf(one);
      if (at < 0) return; // a pass has begun, which others may share
      line.splice(at, 1);
      one.failed(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      const hits = await promise;
      signal.throwIfAborted();
      return hits;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  async #run(index: FeatureIndex, line: Waiting[]): Promise<void> {
    while (line.length > 0) {
      const [{ top }] = line;
      const group = line.filter((other) => other.top === top).slice(0, MAX_SHARED);
      for (const one of group) line.splice(line.indexOf(one), 1);
      const started = performance.now();
      try {
        const vectors = new Float32Array(group.length * index.dim);
        group.forEach(({ vector }, i) => vectors.set(vector, i * index.dim));
        const hits = await index.find({ vectors, top });
        group.forEach(({ done }, i) => done(hits[i]));
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
      // clients that ask again at once come into the next pass together, not into the one after it
      if (group.length > 1) await sleep(PAUSE * (performance.now() - started));
    }
    this.#lines.delete(index);
  }
}
