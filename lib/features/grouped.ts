/** Does work on items beside what their producer does meanwhile, and on all that came during the work before at once. */
export class Grouped<T> {
  #waiting: T[] = [];
  /** The group in work, and the work on all of them. */
  #group: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #failure: { error: unknown } | undefined;

  /** @param most items of a group, and those that may wait */
  constructor(
    private readonly work: (group: T[]) => Promise<void>,
    readonly most: number,
  ) {}

  /** Takes an item once there is room for it. @throws what the work threw */
  async add(item: T): Promise<void> {
    while (this.#waiting.length >= this.most && !this.#failure) await this.#group;
    this.#throw();
    this.#waiting.push(item);
    this.#running ??= this.#run();
  }

  /** Ends with the work on all items. @throws what the work threw; what waited then is left */
  async finish(): Promise<void> {
    await this.#running;
    this.#throw();
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#failure) {
      this.#group = this.work(this.#waiting.splice(0, this.most)).catch((error) => {
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
