import { setImmediate } from "node:timers/promises";

/** Milliseconds of work after which the event loop runs other tasks. */
const SLICE_MS = 5;

/** Splits long work on the main thread, so that timers, sockets and an abort are processed in between. */
export class TimeSlices {
  #begun = performance.now();

  constructor(readonly signal?: AbortSignal) {}

  /**
   * Ends a piece of work: lets the event loop run if the time is used up.
   * @throws the signal's reason when it is aborted
   */
  async next(): Promise<void> {
    if (performance.now() - this.#begun < SLICE_MS) return;
    await setImmediate();
    this.signal?.throwIfAborted();
    this.#begun = performance.now();
  }
}
