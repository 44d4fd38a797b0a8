import { DatasetError } from "../base/errors.js";

/** Counts records that a run leaves out by reason, up to a limit. */
export class Skips {
  readonly #counts = new Map<string, number>();
  readonly #examples = new Map<string, string>();
  #total = 0;

  /** @param limit number of records after which the run fails; default 1,000 */
  constructor(readonly limit = 1000) {}

  get total(): number {
    return this.#total;
  }

  /**
   * Counts one record.
   * @param reason the kind, the same text for the same kind
   * @param where location, as `file: line` or the video's name
   * @throws DatasetError when the limit is exceeded
   */
  add(reason: string, where: string): void {
    this.#total++;
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    if (!this.#examples.has(reason)) this.#examples.set(reason, where);
    if (this.#total > this.limit) {
      throw new DatasetError("ERR_TOO_MANY_SKIPPED", `more than ${this.limit} items left out: ${this.summary()}`, {
        expected: this.limit,
        received: this.#total,
      });
    }
  }

  /** Replaces the counts by those of an earlier run. */
  restore(report: readonly { reason: string; count: number; first: string }[]): void {
    this.#counts.clear();
    this.#examples.clear();
    this.#total = 0;
    for (const { reason, count, first } of report) {
      this.#counts.set(reason, count);
      this.#examples.set(reason, first);
      this.#total += count;
    }
  }

  /** Counts by reason, with the first location of each. */
  report(): { reason: string; count: number; first: string }[] {
    return [...this.#counts]
      .map(([reason, count]) => ({ reason, count, first: this.#examples.get(reason)! }))
      .sort((a, b) => b.count - a.count);
  }

  summary(): string {
    return this.report()
      .map(({ reason, count, first }) => `${count} x ${reason} (first: ${first})`)
      .join("; ");
  }
}
