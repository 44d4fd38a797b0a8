import { followSignal } from "../base/follow_signal.js";
import type { Batch, TrainingData } from "./task.js";

/** Asks for the batch of the next step while a step runs: one at a time, so that at most two batches are there. */
export class BatchAhead {
  readonly #data: TrainingData;
  #waiting: { index: number; batch: Promise<Batch>; stop: AbortController } | undefined;

  constructor(data: TrainingData) {
    this.#data = data;
  }

  /** Begins with a batch, unless it is made with the model. What goes wrong is thrown when the batch is taken. */
  begin(index: number, signal: AbortSignal | undefined): void {
    if (this.#data.needsModel?.(index)) return;
    const stop = new AbortController();
    const unfollow = followSignal(stop, signal);
    const batch = this.#make(index, stop.signal);
    batch.catch(() => undefined).finally(unfollow);
    this.#waiting = { index, batch, stop };
  }

  /** The batch, begun or not. */
  take(index: number, signal: AbortSignal | undefined): Promise<Batch> {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting?.index === index ? waiting.batch : this.#make(index, signal);
  }

  /** Gives up what has begun. */
  stop(): void {
    this.#waiting?.stop.abort(new Error("training has stopped"));
    this.#waiting = undefined;
  }

  async #make(index: number, signal: AbortSignal | undefined): Promise<Batch> {
    return this.#data.batch(index, { signal });
  }
}
