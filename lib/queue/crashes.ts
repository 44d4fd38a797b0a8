import { createHash, randomBytes } from "node:crypto";
import { appendFileSync, readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { appendDurably, removeIfPossible } from "../base/files.js";
import { readJsonLines } from "../base/json_lines.js";
import { writing } from "../base/system_error.js";
import { type Holder, ownHolder, stateOf } from "../base/lock_holder.js";

/** A note that a worker began a video, in `started.WORKER-LIFE.jsonl`. */
interface Started {
  path: string;
  /** Distinguishes the lives of a worker, and the leases of one life. */
  lease: string;
  by: Omit<Holder, "token">;
}

/** A death of a worker, charged to a video that it had begun, in `deaths.WORKER.jsonl`. */
interface Death {
  path: string;
  lease: string;
  at: string;
}

/** Bytes from which on the notes of ended leases are dropped. */
const LONG = 1 << 16;

const NAMES = { started: /^started\..+\.jsonl$/, deaths: /^deaths\..+\.jsonl$/ };

/**
 * Finds the videos that end the processes of workers. A worker notes each video before it opens it. The worker that receives the
 * job of a dead worker charges the death to the videos that were begun and have no result.
 */
export class Crashes {
  #started: string;
  #deaths: string;
  #holder = ownHolder();
  /** Leases with notes that have not ended. */
  #open = new Set<string>();
  #life = randomBytes(4).toString("hex");

  /**
   * @param folder of the run's notes
   * @param worker name of this worker
   */
  constructor(
    private readonly folder: string,
    worker: string,
  ) {
    this.#started = join(folder, `started.${worker}-${this.#life}.jsonl`);
    this.#deaths = join(folder, `deaths.${worker}.jsonl`);
  }

  /** Notes that a video begins. The note survives the process, not a failure of the machine's power. */
  begin(path: string, lease: string): void {
    this.#open.add(lease);
    const note: Started = { path, lease: `${this.#life} ${lease}`, by: this.#holder };
    writing(this.#started, () => appendFileSync(this.#started, `${JSON.stringify(note)}\n`));
  }

  /** Notes that a lease ended in an orderly way: its videos are not charged. */
  end(lease: string): void {
    if (!this.#open.delete(lease)) return;
    writing(this.#started, () => {
      if (this.#open.size === 0 && statSync(this.#started).size > LONG) truncateSync(this.#started);
      else appendFileSync(this.#started, `${JSON.stringify({ ended: `${this.#life} ${lease}` })}\n`);
    });
  }

  /** Removes the notes of this life after its orderly end. */
  close(): void {
    if (this.#open.size === 0) removeIfPossible(this.#started);
  }

  /**
   * Charges the deaths of workers to videos.
   * @param paths videos of a job that have no result
   * @param isLost whether an earlier lease of the job ended unexpectedly. Only then are deaths charged: a process that
   * is alive on this machine is spared, one of another machine is taken for dead.
   * @param since earlier deaths do not count; an ISO date
   * @returns the number of deaths by video, of those with any
   */
  charge(paths: ReadonlySet<string>, isLost: boolean, since = ""): Map<string, number> {
    const ended = new Set<string>();
    const begun = new Map<string, Started>();
    for (const value of isLost ? this.#read("started") : []) {
      const { ended: lease } = value as { ended?: string };
      if (lease !== undefined) ended.add(lease);
      else if (paths.has((value as Started).path)) begun.set(keyOf(value as Started), value as Started);
    }
    const counts = new Map<string, number>();
    const charged = new Set<string>();
    for (const value of this.#read("deaths")) {
      const death = value as Death;
      if (!paths.has(death.path) || charged.has(keyOf(death))) continue; // two workers may charge one death
      charged.add(keyOf(death));
      if (death.at <= since) continue;
      counts.set(death.path, (counts.get(death.path) ?? 0) + 1);
    }
    for (const [key, { path, lease, by }] of begun) {
      if (ended.has(lease) || charged.has(key)) continue;
      if (stateOf({ ...by, token: "" }) === "alive") continue;
      const death: Death = { path, lease, at: new Date().toISOString() };
      appendDurably(this.#deaths, `${JSON.stringify(death)}\n`);
      counts.set(path, (counts.get(path) ?? 0) + 1);
    }
    return counts;
  }

  *#read(kind: keyof typeof NAMES): Generator<unknown> {
    for (const name of readdirSync(this.folder)
      .filter((one) => NAMES[kind].test(one))
      .sort()) {
      for (const { value } of readJsonLines(join(this.folder, name))) {
        if (typeof value === "object" && value !== null) yield value;
      }
    }
  }
}

const keyOf = ({ path, lease }: { path: string; lease: string }): string => `${lease}\n${path}`;

/** Id of the job of one video alone. */
export const aloneId = (chunk: string, path: string): string =>
  `${chunk}-alone-${createHash("sha256").update(path).digest("hex").slice(0, 16)}`;
