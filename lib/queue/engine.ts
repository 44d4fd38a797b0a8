/** What a job of the queue is about: a line of a work list, or one video of it alone. */
export interface JobData {
  /** File name of the work list. */
  list: string;
  /** Position and length of the line in the list, in bytes. */
  at: number;
  bytes: number;
  /** The only video of the line that this job is about; nothing else runs beside it. */
  alone?: string | undefined;
}

/** A job that was handed out. Until its lease ends, nobody else receives it. */
export interface Lease {
  readonly id: string;
  readonly data: JobData;
  /** Number of earlier holders whose lease ended unexpectedly: their process died, stopped, or lost the network. */
  readonly deaths: number;
  /** Extends the lease. @returns whether it was still held */
  renew(): Promise<boolean>;
  /** Ends the job. @returns false when the lease had been lost, so that somebody else may have the job */
  complete(): Promise<boolean>;
  /** Gives the job back at once. @returns false when the lease had been lost */
  handBack(): Promise<boolean>;
  /** Gives the job back after a fault that may pass; it is handed out again after a growing delay. */
  retry(reason: Error): Promise<boolean>;
}

export interface QueueCounts {
  /** Jobs that wait for a worker. */
  waiting: number;
  /** Jobs that workers hold. */
  active: number;
  /** Jobs that wait for their next attempt after a fault. */
  delayed: number;
}

/**
 * Hands out jobs. It may forget everything at any time: the results are the truth, and missing jobs are added again.
 */
export interface WorkEngine {
  /** Sentences about settings of the server that are allowed but not advisable. */
  readonly warnings: readonly string[];
  /** Adds jobs. A job whose id is in the queue already is left as it is. */
  add(jobs: readonly { id: string; data: JobData }[]): Promise<void>;
  /**
   * The next job. Undefined if none is waiting, or if the server gives no answer within `patience` milliseconds; a job
   * that arrives later is returned by the next call.
   */
  take(patience: number): Promise<Lease | undefined>;
  counts(): Promise<QueueCounts>;
  close(): Promise<void>;
}

export interface EngineOptions {
  /** Milliseconds after which the job of a silent worker is handed out again. Default 60000. */
  lease?: number | undefined;
  /** Receives faults of the connection, which is made again in the background. */
  onFault?: ((reason: string) => void) | undefined;
}
