import { setImmediate } from "node:timers/promises";

/** Milliseconds of work after which the event loop gets a turn. */
const SLICE_MS = 5;

/** Cuts long work on the main thread into slices, so that timers, sockets and an abort are served in between. */
export class TimeSlices {
  #begun = performance.now();

  constructor(readonly signal?: AbortSignal) {}

  /**
   * Ends a piece of work: lets the event loop have a turn when the slice has been long enough.
   * @throws the signal's reason when it is aborted
   */
  async next(): Promise<void> {
    if (performance.now() - this.#begun < SLICE_MS) return;
    await setImmediate();
    this.signal?.throwIfAborted();
    this.#begun = performance.now();
  }
}
