/**
 * Processes items concurrently with their producer. Items that arrive while a group is processed form the next group.
 */
export class Grouped<T> {
  #waiting: T[] = [];
  /** The processing of the current group. */
  #group: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  /** @param max maximum number of items of a group, and of waiting items */
  constructor(
    private readonly work: (group: T[]) => Promise<void>,
    readonly max: number,
  ) {}

  /** Adds an item as soon as there is room for it. @throws errors of the processing */
  async add(item: T): Promise<void> {
    while (this.#waiting.length >= this.max && !this.#failure) await this.#group;
    this.#throw();
    this.#waiting.push(item);
    this.#running ??= this.#run();
  }

  /** Waits for all items. @throws errors of the processing; waiting items are then dropped */
  async finish(): Promise<void> {
    await this.#running;
    this.#throw();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#failure) {
      this.#group = this.work(this.#waiting.splice(0, this.max)).catch((error) => {
        this.#failure = { error };
      });
      await this.#group;
    }
    this.#running = undefined;
  }

  #throw(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
