import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { moveDurably, quietly, removeFile, removeIfPossible, writeDurably } from "../base/files.js";
import type { ExtractEvent } from "../features/extract.js";
import { ownHolder, stateOf } from "../base/lock_holder.js";

/** Milliseconds between two notes of a worker. */
const BEAT = 5000;
const NAME = /^worker\..+\.json$/;
/** The file whose existence asks all workers to end. */
const STOP = "stop";

/** What a worker says about itself, in `worker.NAME.json`. */
export interface WorkerNote {
  name: string;
  host: string;
  pid: number;
  /** ISO dates. */
  started: string;
  seen: string;
  videos: number;
  clips: number;
  failures: number;
  /** Seconds of video. */
  duration: number;
  /** Videos in progress, and since when. */
  open: { path: string; since: string }[];
}

/** Writes the note of a worker every few seconds. */
export class Heartbeat {
  readonly #path: string;
  readonly #stop: string;
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Map<string, string>();
  readonly #holder = ownHolder();
  readonly #started = new Date().toISOString();
  #duration = 0;
  #stopped = false;

  constructor(
    folder: string,
    readonly name: string,
    private readonly counts: { videos: number; clips: number; failures: number },
  ) {
    this.#path = join(folder, `worker.${name}.json`);
    this.#stop = join(folder, STOP);
    this.#timer = setInterval(() => this.#write(), BEAT).unref();
    this.#write();
  }

  started(path: string): void {
    this.#open.set(path, new Date().toISOString());
  }

  finished(event: Exclude<ExtractEvent, { type: "clip" }>): void {
    this.#open.delete(event.path);
    this.#duration += event.info?.duration ?? 0;
  }

  /** Whether all workers of the run were asked to end. */
  isStopped(): boolean {
    return this.#stopped;
  }

  /** A worker whose disk is full or gone says nothing, and its next result reports the reason. */
  #write(): void {
    quietly(() => {
      this.#stopped = existsSync(this.#stop);
      const { host, pid } = this.#holder;
      const { videos, clips, failures } = this.counts;
      const note: WorkerNote = {
        name: this.name,
        host,
        pid,
        started: this.#started,
        seen: new Date().toISOString(),
        videos,
        clips,
        failures,
        duration: this.#duration,
        open: [...this.#open].map(([path, since]) => ({ path, since })),
      };
      writeFileSync(`${this.#path}.tmp`, JSON.stringify({ ...note, holder: this.#holder }));
      moveDurably(`${this.#path}.tmp`, this.#path);
    });
  }

  /** Removes the note. */
  close(): void {
    clearInterval(this.#timer);
    removeIfPossible(this.#path);
  }
}

/** The notes of the workers of a run. Those of processes of this machine that are gone are left out. */
export function readWorkers(folder: string): WorkerNote[] {
  return readdirSync(folder)
    .filter((name) => NAME.test(name))
    .sort()
    .flatMap((name) => {
      try {
        const { holder, ...note } = JSON.parse(readFileSync(join(folder, name), "utf8"));
        return stateOf({ ...holder, token: "" }) === "gone" ? [] : [note as WorkerNote];
      } catch {
        return []; // removed meanwhile
      }
    });
}

/** Asks all workers of a run to end, or withdraws that. */
export function askToStop(folder: string, isAsked: boolean): void {
  if (isAsked) writeDurably(join(folder, STOP), "");
  else removeFile(join(folder, STOP));
}
