import { RequestError } from "./request_error.js";

/**
 * Lets a few pieces of work run at once; others wait in the order in which they came, and too many are refused. So a
 * burst of requests costs time, but no memory without bounds.
 */
export class Gate {
  #running = 0;
  #waiting: (() => void)[] = [];

  constructor(
    readonly parallel: number,
    readonly places: number,
    /** What waits, for messages. */
    private readonly what = "searches",
  ) {}

  get running(): number {
    return this.#running;
  }
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs `work` when its turn has come. @throws RequestError 503 when all places are taken; `signal.reason` */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    if (this.#running < this.parallel) this.#running++;
    else await this.#turn(signal);
    try {
      signal.throwIfAborted();
      return await work();
    } finally {
      // the place is handed to the next one, so that nobody overtakes it
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }

  #turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.places) {
      throw new RequestError(503, `${this.places} ${this.what} are waiting already: try again`, { "Retry-After": "1" });
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1);
        reject(signal.reason);
      };
      const enter = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      this.#waiting.push(enter);
      signal.addEventListener("abort", leave, { once: true });
    });
  }
}
