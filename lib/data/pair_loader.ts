/// <reference lib="esnext.disposable" preserve="true" />
import { Worker } from "node:worker_threads";
import { DatasetError } from "../base/errors.js";
import { assertNotBundled } from "../base/bundled.js";
import { PackedDataset } from "./packed_dataset.js";
import { makePairBatch, type PairBatch, type PairBatchOptions } from "./pair_batch.js";
import { Skips } from "./skips.js";

export interface PairLoaderOptions {
  /** Folder of `videoclip data pack`. */
  folder: string;
  /** Draws of the pairs; a function of seed, epoch and video alone. */
  sampling: PairBatchOptions;
  /** Threads that read and draw; 0 (default): the calling thread. */
  workers?: number | undefined;
  /** Batches that are prepared in advance; default 2 per worker. */
  prefetch?: number | undefined;
  /** Counts the videos that all workers leave out. */
  skips?: Skips | undefined;
}

/** A request to a worker, and its answer. @internal */
export interface PairRequest {
  id: number;
  videos: Int32Array;
  epoch: number;
}

/** @internal */
export type PairReply = { id: number; skipped: { reason: string; where: string }[] } & (
  { batch: PairBatch } | { error: string }
);

/**
 * Prepares the batches of an epoch in advance, in order. The batches do not depend on the number of workers or on the
 * first batch; at most `prefetch` of them wait.
 */
export class PairLoader {
  readonly skips: Skips;
  readonly #options: PairLoaderOptions;
  readonly #workers: Worker[] = [];
  readonly #waiting = new Map<number, { resolve: (batch: PairBatch) => void; reject: (reason: unknown) => void }>();
  #dataset: PackedDataset | undefined;
  #next = 0;

  constructor(options: PairLoaderOptions) {
    this.#options = options;
    this.skips = options.skips ?? new Skips();
    const { folder, sampling, workers = 0 } = options;
    if (workers > 0) assertNotBundled();
    for (let i = 0; i < workers; i++) {
      const worker = new Worker(new URL(/* webpackIgnore: true */ "./pair_worker.js", import.meta.url), {
        workerData: { folder, sampling },
      });
      worker.on("message", (reply: PairReply) => this.#take(reply));
      worker.on("error", (error) => this.#fail(error));
      worker.unref();
      this.#workers.push(worker);
    }
  }

  #take(reply: PairReply): void {
    const request = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) for (const worker of this.#workers) worker.unref();
    try {
      for (const { reason, where } of reply.skipped) this.skips.add(reason, where);
      if ("error" in reply) throw new DatasetError("ERR_DATASET", reply.error);
      request?.resolve(reply.batch);
    } catch (error) {
      request?.reject(error);
    }
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #make(videos: Int32Array, epoch: number): Promise<PairBatch> {
    const id = this.#next++;
    if (this.#workers.length === 0) {
      this.#dataset ??= new PackedDataset(this.#options.folder, { skips: this.skips });
      return Promise.resolve(makePairBatch(this.#dataset, videos, epoch, this.#options.sampling));
    }
    const promise = new Promise<PairBatch>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    for (const worker of this.#workers) worker.ref(); // a waiting batch keeps the process alive
    const worker = this.#workers[id % this.#workers.length];
    worker.ref();
    worker.postMessage({ id, videos, epoch } satisfies PairRequest);
    return promise.finally(() => {
      if (this.#waiting.size === 0) for (const each of this.#workers) each.unref();
    });
  }

  /**
   * The batches of an epoch from number `start` on.
   * @param groups videos of each batch: `shuffledGroups` or a retrieval plan
   */
  async *epoch(
    groups: readonly Int32Array[],
    epoch: number,
    { start = 0, signal }: { start?: number | undefined; signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<{ index: number; batch: PairBatch }> {
    const { workers = 0, prefetch = Math.max(1, 2 * workers) } = this.#options;
    const ahead: Promise<PairBatch>[] = [];
    let asked = start;
    const ask = () => {
      while (asked < groups.length && ahead.length < prefetch) {
        const promise = this.#make(groups[asked++], epoch);
        promise.catch(() => undefined); // a rejection surfaces when this batch is awaited
        ahead.push(promise);
      }
    };
    for (let index = start; index < groups.length; index++) {
      signal?.throwIfAborted();
      ask();
      const batch = await ahead.shift()!;
      ask();
      yield { index, batch };
    }
  }

  async close(): Promise<void> {
    this.#dataset?.close();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
