import { setTimeout as sleep } from "node:timers/promises";

/**
 * Processes items concurrently with their producer. Items that arrive while a group is processed, and in a pause before it,
 * form the next group.
 */
export class Grouped<T> {
  #waiting: T[] = [];
  /** The processing of the current group. */
  #group: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;
  /** Ends the pause before a group. */
  #hurry = new AbortController();
  #isLast = false;

  /**
   * @param max maximum number of items of a group, and of waiting items
   * @param pause milliseconds for which a group waits for more items, unless it is full or the last one
   */
  constructor(
    private readonly work: (group: T[]) => Promise<void>,
    readonly max: number,
    private readonly pause = 0,
  ) {}

  /** Adds an item as soon as there is room for it. @throws errors of the processing */
  async add(item: T): Promise<void> {
    while (this.#waiting.length >= this.max && !this.#failure) await this.#group;
    this.#throw();
    this.#waiting.push(item);
    if (this.#waiting.length >= this.max) this.#hurry.abort();
    this.#running ??= this.#run();
  }

  /** Waits for all items. @throws errors of the processing; waiting items are then dropped */
  async finish(): Promise<void> {
    this.#isLast = true;
    this.#hurry.abort();
    await this.#running;
    this.#throw();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#failure) {
      this.#group = this.#next().catch((error) => {
        this.#failure = { error };
      });
      await this.#group;
    }
    this.#running = undefined;
  }

  async #next(): Promise<void> {
    if (this.pause > 0 && !this.#isLast && this.#waiting.length < this.max) {
      this.#hurry = new AbortController();
      await sleep(this.pause, undefined, { signal: this.#hurry.signal }).catch(() => {});
    }
    await this.work(this.#waiting.splice(0, this.max));
  }

  #throw(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
