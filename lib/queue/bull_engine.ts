import { randomBytes } from "node:crypto";
import type { IQueueBackend, Job, Queue, Worker } from "bullmq";
import { VideoClipError } from "../base/errors.js";
import type { EngineOptions, JobData, Lease, QueueCounts, WorkEngine } from "./engine.js";
import { openServer, type QueueServer } from "./queue_server.js";

/** Milliseconds of a lease, unless the caller chooses otherwise. */
const LEASE = 60_000;
/** Jobs that one call adds. */
const ADDED_TOGETHER = 1000;
/** Milliseconds before the second attempt of a job, and the longest delay of later ones. */
const [FIRST_DELAY, LONGEST_DELAY] = [1000, 300_000];

/** A number that is never reached and fits into 32 bits, as PostgreSQL stores it. */
const ENDLESS = 1_000_000_000;

type AnyQueue = Queue<JobData, unknown, string, JobData, unknown, string, IQueueBackend, unknown>;
type AnyWorker = Worker<JobData, unknown, string, IQueueBackend>;
type AnyJob = Pick<
  Job<JobData>,
  "id" | "data" | "stalledCounter" | "extendLock" | "moveToCompleted" | "moveToFailed"
> & {
  moveToWait(token: string): Promise<unknown>;
};

/**
 * Opens the queue `name` of a server, with BullMQ.
 * @param url `redis://…`, `rediss://…` or `postgres://…`
 * @throws VideoClipError `ERR_QUEUE` for a missing package, a server that does not answer, and settings of the server
 * under which jobs are lost
 */
export async function openEngine(url: string, name: string, options: EngineOptions = {}): Promise<WorkEngine> {
  const server = await openServer(url);
  return new BullEngine(server, name, options);
}

class BullEngine implements WorkEngine {
  readonly warnings: readonly string[];
  #queue: AnyQueue;
  #worker: AnyWorker | undefined;
  #taking: Promise<AnyJob | undefined> | undefined;
  #token = randomBytes(8).toString("hex");

  constructor(
    private readonly server: QueueServer,
    private readonly name: string,
    private readonly options: EngineOptions,
  ) {
    this.warnings = server.warnings;
    const { Queue } = server.bullmq;
    this.#queue = new Queue(name, { connection: server.connect() }, server.backend) as unknown as AnyQueue;
    this.#queue.on("error", (error) => options.onFault?.(error.message));
  }

  async add(jobs: readonly { id: string; data: JobData }[]): Promise<void> {
    for (let from = 0; from < jobs.length; from += ADDED_TOGETHER) {
      const some = jobs.slice(from, from + ADDED_TOGETHER);
      await answered(
        this.#queue.addBulk(
          some.map(({ id, data }) => ({
            name: "chunk",
            data,
            opts: {
              jobId: id,
              attempts: ENDLESS, // a fault of the surroundings never ends a job
              backoff: { type: "capped" },
              removeOnComplete: true,
              removeOnFail: true,
            },
          })),
        ),
      );
    }
  }

  async take(patience: number): Promise<Lease | undefined> {
    const worker = (this.#worker ??= this.#open());
    this.#taking ??= worker.getNextJob(this.#token, { block: false }) as Promise<AnyJob | undefined>;
    const taking = this.#taking;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => (timer = setTimeout(() => resolve("late"), patience)));
    try {
      const job = await Promise.race([taking, late]);
      if (job === "late") return undefined;
      this.#taking = undefined;
      return job && new BullLease(job, this.#token, this.options.lease ?? LEASE);
    } catch (error) {
      this.#taking = undefined;
      this.options.onFault?.((error as Error).message);
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  #open(): AnyWorker {
    const { lease = LEASE, onFault } = this.options;
    const { Worker } = this.server.bullmq;
    const worker = new Worker<JobData>(
      this.name,
      null,
      {
        connection: this.server.connect(),
        autorun: false,
        lockDuration: lease,
        stalledInterval: Math.max(500, lease / 4),
        maxStalledCount: ENDLESS, // deaths are counted by the records of the run, per video
        settings: { backoffStrategy: (attempts = 1) => delayOf(attempts) },
      } as ConstructorParameters<typeof Worker>[2],
      this.server.backend as undefined,
    ) as unknown as AnyWorker;
    worker.on("error", (error) => onFault?.(error.message));
    worker.startStalledCheckTimer().catch((error: Error) => onFault?.(error.message));
    return worker;
  }

  async counts(): Promise<QueueCounts> {
    const {
      waiting = 0,
      active = 0,
      delayed = 0,
    } = await answered(this.#queue.getJobCounts("waiting", "active", "delayed"));
    return { waiting, active, delayed };
  }

  async close(): Promise<void> {
    // a server that is gone must not keep the process
    const patience = new Promise<void>((resolve) => setTimeout(resolve, 2000).unref());
    const closing = Promise.allSettled([this.#worker?.close(true), this.#queue.close()]);
    await Promise.race([closing, patience]);
    await this.server.close();
  }
}

/** Exponential, with jitter, so that workers do not come back together. */
function delayOf(attempts: number): number {
  const longest = Math.min(FIRST_DELAY * 2 ** Math.min(attempts - 1, 20), LONGEST_DELAY);
  return Math.round(longest * (0.5 + Math.random() / 2));
}

class BullLease implements Lease {
  readonly id: string;
  readonly data: JobData;
  readonly deaths: number;

  constructor(
    private readonly job: AnyJob,
    private readonly token: string,
    private readonly duration: number,
  ) {
    this.id = String(job.id);
    this.data = job.data;
    this.deaths = job.stalledCounter;
  }

  async renew(): Promise<boolean> {
    return Boolean(await this.job.extendLock(this.token, this.duration));
  }

  complete = () => isHeld(this.job.moveToCompleted(null, this.token, false));
  retry = (reason: Error) => isHeld(this.job.moveToFailed(reason, this.token, false));
  // asks before, because PostgreSQL passes over a hand-back after the loss of the lease without saying so
  handBack = async () => (await this.renew()) && isHeld(this.job.moveToWait(this.token));
}

/** Errors of the engine for a job that the caller does not hold any more. */
const LOST = /lock|not in the active state|missing key|not in state/i;

async function isHeld(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof Error && LOST.test(error.message)) return false;
    throw queueError(error);
  }
}

/** The server's answer. @throws VideoClipError `ERR_QUEUE` */
const answered = <T>(work: Promise<T>): Promise<T> => work.catch((error) => Promise.reject(queueError(error)));

function queueError(cause: unknown): VideoClipError {
  const { message } = cause as Error;
  return new VideoClipError("ERR_QUEUE", `queue: the server refused a request: ${message}`, { cause });
}
