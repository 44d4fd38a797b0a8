import { Worker } from "node:worker_threads";
import type { GivenMemory, WorkerDone, WorkerMessage, WorkerRequest } from "./worker.js";
import type { StillRequest } from "../stills/still_request.js";

/** A file that a worker decodes, or makes a still of. */
export interface WorkerJob {
  request: WorkerRequest | StillRequest;
  receive(message: WorkerMessage): void;
  /**
   * Called once, when the worker no longer uses the job: after its last message, or when the worker ended without one.
   * @param error with which the worker ended
   */
  end(error?: Error): void;
}

/** Milliseconds without a file after which a worker ends. */
const IDLE_MS = 5000;

/**
 * Workers that decode one file after another, because for a small file most of the time would be the start of a worker,
 * which loads node-av. There are as many workers as files that were decoded at the same time. Workers without a file do
 * not keep the process alive.
 */
export class WorkerPool {
  #idle: PooledWorker[] = [];

  constructor(readonly idleMs = IDLE_MS) {}

  /** Workers that wait for a file. */
  get idle(): number {
    return this.#idle.length;
  }

  /** Gives a file to a free worker, or to a new one. */
  start(job: WorkerJob): PooledWorker {
    const worker = this.#idle.pop() ?? this.#add();
    worker.start(job);
    return worker;
  }

  #add(): PooledWorker {
    const worker: PooledWorker = new PooledWorker(this.idleMs, (isFree) => {
      if (isFree) this.#idle.push(worker);
      else this.#idle = this.#idle.filter((each) => each !== worker);
    });
    return worker;
  }
}

/** The pool of this thread. */
export const workerPool = new WorkerPool();

/** A worker and the file that it decodes. */
export class PooledWorker {
  #worker: Worker;
  #job: WorkerJob | undefined;
  #error: Error | undefined;
  #isStopped = false;
  /** Ends the worker after a time without a file. */
  #timer: NodeJS.Timeout | undefined;

  /** @param onFree called with whether the worker accepts a file from now on */
  constructor(
    private readonly idleMs: number,
    private readonly onFree: (isFree: boolean) => void,
  ) {
    this.#worker = new Worker(new URL(/* webpackIgnore: true */ "./worker.js", import.meta.url));
    this.#worker.on("message", (messages: (WorkerMessage | WorkerDone)[]) => this.#receive(messages));
    this.#worker.on("error", (error) => (this.#error = error));
    this.#worker.on("exit", () => {
      clearTimeout(this.#timer);
      this.onFree(false);
      this.#end(this.#error);
    });
  }

  start(job: WorkerJob): void {
    clearTimeout(this.#timer);
    this.#job = job;
    this.#worker.ref();
    this.#worker.postMessage(job.request);
  }

  /** Sends memory for a clip of the running job. */
  give(memory: GivenMemory): void {
    this.#worker.postMessage(memory);
  }

  /** Terminates the worker, wherever its decoder is. Messages that are on their way are dropped. */
  stop(): void {
    this.#isStopped = true;
    void this.#worker.terminate();
  }

  #receive(messages: (WorkerMessage | WorkerDone)[]): void {
    for (const message of messages) {
      if (this.#isStopped) return; // the job ends when the worker has ended, and no other file may be given to it
      if (message.type === "done") this.#free(message.isSound);
      else this.#job?.receive(message);
    }
  }

  #free(isSound: boolean): void {
    if (isSound) {
      this.#worker.unref();
      this.#timer = setTimeout(() => {
        this.onFree(false);
        this.stop();
      }, this.idleMs).unref();
      this.onFree(true);
    }
    this.#end();
  }

  #end(error?: Error): void {
    const job = this.#job;
    this.#job = undefined;
    job?.end(error);
  }
}
