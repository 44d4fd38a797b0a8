/** A bounded queue between producers and one consumer: `push` waits while it is full. */
export class Channel<T> {
  #items: T[] = [];
  #readers: (() => void)[] = [];
  #writers: (() => void)[] = [];
  #closed = false;

  constructor(readonly capacity: number) {}

  async push(item: T): Promise<void> {
    while (this.#items.length >= this.capacity && !this.#closed) {
      await new Promise<void>((resolve) => this.#writers.push(resolve));
    }
    if (this.#closed) return;
    this.#items.push(item);
    this.#readers.shift()?.();
  }

  /** The next item, or undefined once it is closed and empty. */
  async next(): Promise<T | undefined> {
    while (this.#items.length === 0) {
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
    const item = this.#items.shift();
    this.#writers.shift()?.();
    return item;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Ends the queue: items inside can still be taken, and waiting producers return. */
  close(): void {
    this.#closed = true;
    for (const wake of [...this.#readers.splice(0), ...this.#writers.splice(0)]) wake();
  }
}
