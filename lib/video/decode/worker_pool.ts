import { Worker } from "node:worker_threads";
import type { GivenMemory, WorkerDone, WorkerMessage, WorkerRequest, WorkerStart } from "./worker.js";
import type { JobControl } from "./job_control.js";
import type { StillRequest } from "../stills/still_request.js";

/** A file that a worker decodes, or makes a still of. */
export interface WorkerJob {
  request: WorkerRequest | StillRequest;
  control: JobControl;
  receive(message: WorkerMessage): void;
  /**
   * Called once, when the worker no longer uses the job: after its last message (also of a job that was stopped), or
   * when the worker ended without one.
   * @param error with which the worker ended
   */
  end(error?: Error): void;
}

/** Milliseconds without a file after which a worker ends. */
const IDLE_MS = 5000;
/** The longest time, in milliseconds, that the exit of the process waits for workers to stop decoding. */
const EXIT_MS = 2000;

/**
 * Workers that decode one file after another, because for a small file most of the time would be the start of a worker,
 * which loads node-av. There are as many workers as files that were decoded at the same time. Workers without a file do
 * not keep the process alive.
 */
export class WorkerPool {
  #idle: PooledWorker[] = [];
  #running = new Set<WorkerJob>();

  constructor(readonly idleMs = IDLE_MS) {}

  /** Workers that wait for a file. */
  get idle(): number {
    return this.#idle.length;
  }

  /** Gives a file to a free worker, or to a new one. */
  start(job: WorkerJob): PooledWorker {
    if (this.#running.size === 0) process.on("exit", this.#stopAll);
    this.#running.add(job);
    const worker = this.#idle.pop() ?? this.#add();
    worker.start(job, () => this.#finish(job));
    return worker;
  }

  #finish(job: WorkerJob): void {
    this.#running.delete(job);
    if (this.#running.size === 0) process.off("exit", this.#stopAll);
  }

  /** Called at `process.exit`, which terminates the workers: first they have to leave their native code. */
  #stopAll = (): void => {
    const end = Date.now() + EXIT_MS;
    for (const { control } of this.#running) control.stop();
    for (const { control } of this.#running) control.waitForEnd(end - Date.now());
  };

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
  #finished: () => void = () => {};
  #error: Error | undefined;
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

  /** @param finished called before the job's `end` */
  start(job: WorkerJob, finished: () => void): void {
    clearTimeout(this.#timer);
    this.#job = job;
    this.#finished = finished;
    this.#worker.ref();
    this.#worker.postMessage({ request: job.request, cells: job.control.cells } satisfies WorkerStart);
  }

  /** Sends memory for a clip of the running job. */
  give(memory: GivenMemory): void {
    this.#worker.postMessage(memory);
  }

  #receive(messages: (WorkerMessage | WorkerDone)[]): void {
    for (const message of messages) {
      if (message.type === "done") this.#free(message.isSound);
      else this.#job?.receive(message);
    }
  }

  #free(isSound: boolean): void {
    if (isSound) {
      this.#worker.unref();
      this.#timer = setTimeout(() => {
        this.onFree(false);
        void this.#worker.terminate(); // it runs no native code now
      }, this.idleMs).unref();
      this.onFree(true);
    }
    this.#end();
  }

  #end(error?: Error): void {
    const job = this.#job;
    if (job === undefined) return;
    this.#job = undefined;
    this.#finished();
    job.end(error);
  }
}
