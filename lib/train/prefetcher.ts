import { followSignal } from "../base/follow_signal.js";
import type { Batch, TrainingData } from "./task.js";

/** Prepares the batch of the next step while a step runs. At most two batches are in memory. */
export class Prefetcher {
  readonly #data: TrainingData;
  #waiting: { index: number; batch: Promise<Batch>; stop: AbortController } | undefined;

  constructor(data: TrainingData) {
    this.#data = data;
  }

  /**
   * Starts to prepare a batch, unless it needs the model of the next step. Errors are thrown when the batch is taken.
   */
  begin(index: number, signal: AbortSignal | undefined): void {
    if (this.#data.needsModel?.(index)) return;
    const stop = new AbortController();
    const unfollow = followSignal(stop, signal);
    const batch = this.#make(index, stop.signal);
    batch.catch(() => undefined).finally(unfollow);
    this.#waiting = { index, batch, stop };
  }

  /** The batch, prepared in advance or now. */
  take(index: number, signal: AbortSignal | undefined): Promise<Batch> {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting?.index === index ? waiting.batch : this.#make(index, signal);
  }

  /** Aborts the preparation. */
  stop(): void {
    this.#waiting?.stop.abort(new Error("training has stopped"));
    this.#waiting = undefined;
  }

  async #make(index: number, signal: AbortSignal | undefined): Promise<Batch> {
    return this.#data.batch(index, { signal });
  }
}
