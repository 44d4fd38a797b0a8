import { setImmediate, setTimeout as sleep } from "node:timers/promises";

/** After a shared run the next one waits for as many requests, but not if none arrives in this part of its time, */
const GAP = 1 / 20;
/** and not longer than this part, */
const PAUSE = 1 / 2;
/** or while some are known to come than this. */
const LONG_PAUSE = 1;
/** Requests that one run answers. */
const MAX_SHARED = 64;

interface Waiting<I, R> {
  item: I;
  done: (result: R) => void;
  failed: (reason: unknown) => void;
}

/**
 * Work that costs little more for many than for one. What is asked for while a run is under way is answered together by the next one.
 * The results must not depend on what shares a run.
 */
export class SharedRuns<I, R> {
  #line: Waiting<I, R>[] = [];
  #runs = false;

  /**
   * @param work answers the items of a run, in their order; an error reaches all of them
   * @param together whether an item can share the run of the first one
   */
  constructor(
    private readonly work: (items: readonly I[]) => Promise<readonly R[]>,
    private readonly together: (first: I, other: I) => boolean = () => true,
    /** Number of requests that are known to come soon. */
    private readonly coming: () => number = () => 0,
  ) {}

  /** @throws `signal.reason`; what `work` throws */
  async run(item: I, signal: AbortSignal): Promise<R> {
    signal.throwIfAborted();
    let one!: Waiting<I, R>;
    const promise = new Promise<R>((done, failed) => (one = { item, done, failed }));
    this.#line.push(one);
    if (!this.#runs) void this.#runAll();
    const leave = () => {
      const at = this.#line.indexOf(one);
      if (at < 0) return; // a run has begun, which others may share
      this.#line.splice(at, 1);
      one.failed(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      const result = await promise;
      signal.throwIfAborted();
      return result;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  async #runAll(): Promise<void> {
    this.#runs = true;
    await setImmediate(); // requests that came at the same time join the first run
    while (this.#line.length > 0) {
      const [first] = this.#line;
      const group = this.#line.filter(({ item }) => this.together(first.item, item)).slice(0, MAX_SHARED);
      const left = new Set(group);
      this.#line = this.#line.filter((one) => !left.has(one));
      const started = performance.now();
      try {
        const results = await this.work(group.map(({ item }) => item));
        group.forEach(({ done }, i) => done(results[i]));
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
      if (group.length > 1) await this.#gather(group.length, performance.now() - started);
    }
    this.#runs = false;
  }

  /** Waits for clients that ask again at once, so that they share the next run instead of that after it. */
  async #gather(answered: number, elapsed: number): Promise<void> {
    const begin = performance.now();
    const expected = Math.min(MAX_SHARED, this.#line.length + answered);
    await setImmediate(); // the answers are being sent
    for (let seen = -1; this.#line.length < expected;) {
      const isComing = this.coming() > 0;
      if (this.#line.length === seen && !isComing) return;
      if (performance.now() - begin >= (isComing ? LONG_PAUSE : PAUSE) * elapsed) return;
      seen = this.#line.length;
      await sleep(GAP * elapsed);
    }
  }
}
