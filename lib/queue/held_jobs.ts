import type { Crashes } from "./crashes.js";
import type { Lease } from "./engine.js";

interface Held {
  lease: Lease;
  token: string;
  /** Videos in progress. */
  open: Set<string>;
  /** Whether all of its videos have begun or need not. */
  allStarted: boolean;
  renewed: number;
  isLost: boolean;
}

/** The jobs that a worker holds: renews their leases, and answers those whose videos all have results. */
export class HeldJobs {
  readonly #held = new Map<Lease, Held>();
  /** The jobs that wait for the result of a video; after a loss of the queue they may be two. */
  readonly #byPath = new Map<string, Held[]>();
  #timer: NodeJS.Timeout | undefined;
  #numbers = 0;
  /** Answers to the server that are on their way. */
  readonly #answers = new Set<Promise<unknown>>();

  /** @param lease milliseconds of a lease */
  constructor(
    private readonly crashes: Crashes,
    readonly lease: number,
    private readonly onNote: (note: string) => void,
  ) {}

  hold(lease: Lease): void {
    if (this.#held.has(lease)) return;
    const token = `${lease.id} ${this.#numbers++}`;
    this.#held.set(lease, { lease, token, open: new Set(), allStarted: false, renewed: Date.now(), isLost: false });
    this.#timer ??= setInterval(() => void this.#renewAll(), this.lease / 4).unref();
  }

  tokenOf = (lease: Lease): string => this.#held.get(lease)!.token;

  started(lease: Lease, path: string): void {
    const held = this.#held.get(lease)!;
    held.open.add(path);
    this.#byPath.set(path, [...(this.#byPath.get(path) ?? []), held]);
  }

  /** Whether a video is in progress. */
  isOpen = (path: string): boolean => this.#byPath.has(path);

  /** Notes that no further video of a job begins. */
  allStarted(lease: Lease): void {
    const held = this.#held.get(lease)!;
    held.allStarted = true;
    this.#answerIfDone(held);
  }

  /** Notes that the result of a video is saved. */
  finished(path: string): void {
    const waiting = this.#byPath.get(path) ?? [];
    this.#byPath.delete(path);
    for (const held of waiting) {
      held.open.delete(path);
      this.#answerIfDone(held);
    }
  }

  #answerIfDone(held: Held): void {
    if (!held.allStarted || held.open.size > 0) return;
    this.#forget(held);
    if (held.isLost) return;
    this.#answer(held, held.lease.complete());
  }

  #answer(held: Held, answer: Promise<boolean>): void {
    const answered: Promise<void> = answer
      .then((isHeld) => {
        if (!isHeld) this.#lost(held);
      })
      .catch((error: Error) => this.onNote(error.message)) // the results are saved; the job is handed out again in vain
      .finally(() => this.#answers.delete(answered));
    this.#answers.add(answered);
  }

  #forget(held: Held): void {
    this.#held.delete(held.lease);
    this.crashes.end(held.token);
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #lost(held: Held): void {
    if (held.isLost) return;
    held.isLost = true;
    this.onNote(`the lease of job ${held.lease.id} was lost; its saved results count, the rest is done by others`);
  }

  /** Whether a job is still held; asks the server if this process stood still for long. */
  async isHeld(lease: Lease): Promise<boolean> {
    const held = this.#held.get(lease)!;
    if (!held.isLost && Date.now() - held.renewed > this.lease / 2) await this.#renew(held);
    return !held.isLost;
  }

  async #renewAll(): Promise<void> {
    await Promise.all([...this.#held.values()].map((held) => this.#renew(held)));
  }

  async #renew(held: Held): Promise<void> {
    if (held.isLost) return;
    try {
      const asked = Date.now();
      // a server that is away gives no answer: then the work goes on, and its answer decides later
      const late = new Promise<undefined>((resolve) => {
        setTimeout(() => resolve(undefined), this.lease / 4).unref();
      });
      const isHeld = await Promise.race([held.lease.renew(), late]);
      if (isHeld) held.renewed = asked;
      else if (isHeld === false) this.#lost(held);
    } catch {
      // as a server that is away
    }
  }

  /**
   * Gives back every job that is not finished, and waits for the answers of the server.
   * @param kept a job that stays held
   */
  async handBackAll(kept?: Lease): Promise<void> {
    this.#endAll((lease) => lease.handBack(), kept);
    await this.#settle();
  }

  /** As {@link handBackAll} after a fault: the jobs are handed out again after a delay. */
  async retryAll(reason: Error): Promise<void> {
    this.#endAll((lease) => lease.retry(reason));
    await this.#settle();
  }

  #endAll(answer: (lease: Lease) => Promise<boolean>, kept?: Lease): void {
    for (const held of [...this.#held.values()]) {
      if (held.lease === kept) continue;
      for (const path of held.open) {
        const others = this.#byPath.get(path)!.filter((one) => one !== held);
        if (others.length > 0) this.#byPath.set(path, others);
        else this.#byPath.delete(path);
      }
      this.#forget(held);
      if (!held.isLost) this.#answer(held, answer(held.lease));
    }
  }

  async #settle(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(() => resolve(), this.lease / 4);
    });
    await Promise.race([Promise.all(this.#answers).then(() => {}), patience]);
    clearTimeout(timer);
  }
}
