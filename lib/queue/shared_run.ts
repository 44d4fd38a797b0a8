import { resolve } from "node:path";
import { InvalidArgumentError } from "../base/errors.js";
import { FeatureStore } from "../features/store.js";
import { VIDEO_MODELS } from "../models/video/video_models.js";
import { VIDEOCLIP_PRESETS } from "../models/videoclip/videoclip_config.js";
import { openEngine } from "./bull_engine.js";
import type { WorkEngine } from "./engine.js";
import { type AddOptions, addToList, type Progress, reconcile } from "./fill.js";
import { askToStop } from "./heartbeat.js";
import { withoutPassword } from "./queue_server.js";
import { RunFolder, type RunOptions } from "./run_folder.js";
import { runStatus, type RunStatus } from "./status.js";
import { work, type WorkOptions, type WorkSummary } from "./worker.js";
import { openWorkerStore } from "./worker_store.js";

export interface SharedRunOptions {
  /**
   * Server of the queue: `redis://`, `rediss://` or `postgres://`. Default: the environment variable `VIDEOCLIP_QUEUE`,
   * or the address in the run.
   */
  queue?: string | undefined;
  /** Milliseconds after which the videos of a worker that fell silent go to others. Default 60000. */
  lease?: number | undefined;
  /** Receives sentences about the settings and the connection of the server, and about the work. */
  onNote?: ((note: string) => void) | undefined;
}

/** Options of {@link SharedRun.work}; those of the features are in the run. */
export interface SharedWorkOptions extends Omit<
  WorkOptions,
  "saveDtype" | "l2" | "hash" | "onError" | "keepPartial" | "lease" | "onNote"
> {
  /** Name of the worker and of its part of the manifest. Default: `HOST-N`. */
  name?: string | undefined;
}

/** What {@link SharedRun.add} added, and the progress of the run. */
export interface AddedVideos extends Progress {
  /** Number of videos that the run did not have, and of jobs for them. */
  addedVideos: number;
  addedJobs: number;
}

/**
 * An extraction that any number of machines share: a folder with its results and lists of videos, and a queue on Redis
 * or PostgreSQL that hands out the videos. It needs the package `bullmq` with `ioredis` or `pg`.
 */
export class SharedRun {
  #engine: Promise<WorkEngine> | undefined;
  #lastFault = "";

  private constructor(
    private readonly run: RunFolder,
    private readonly options: SharedRunOptions,
  ) {}

  /** Folder of the run, and of its results. */
  get folder(): string {
    return this.run.folder;
  }

  /** What the features of the run depend on. */
  get settings(): Readonly<RunOptions> {
    return this.run.options;
  }

  /**
   * Begins a run in a folder, or opens the one that is there.
   * @throws InvalidArgumentError for a run with other settings; VideoClipError `ERR_QUEUE` for a server that cannot be
   * used; then nothing is written
   */
  static async begin(folder: string, settings: RunOptions, options: SharedRunOptions = {}): Promise<SharedRun> {
    const queue = addressOf(options.queue, RunFolder.find(folder));
    // the server is asked first, because a run without its queue helps nobody
    await (await openEngine(queue, "videoclip")).close();
    const created = RunFolder.create(folder, withPaths(settings), withoutPassword(queue));
    const run = new SharedRun(created, { ...options, queue });
    for (const warning of (await run.#connected()).warnings) options.onNote?.(warning);
    return run;
  }

  /** Opens a run. The server is asked when it is needed. @throws VideoClipError `ERR_QUEUE` for a folder without one */
  static open(folder: string, options: SharedRunOptions = {}): SharedRun {
    return new SharedRun(RunFolder.open(folder), options);
  }

  /** Connects to the server, as the first call that needs it does otherwise. @throws VideoClipError `ERR_QUEUE` */
  async connect(): Promise<void> {
    await this.#connected();
  }

  #connected(): Promise<WorkEngine> {
    const { queue, lease, onNote } = this.options;
    return (this.#engine ??= (async () =>
      openEngine(addressOf(queue, this.run), this.run.name, {
        lease,
        onFault: (reason) => {
          if (reason !== this.#lastFault) onNote?.(`queue: ${reason}; the connection is made again`);
          this.#lastFault = reason;
        },
      }))());
  }

  /**
   * Adds videos, and fills the queue; those that the run has already are left alone. Workers may work again after
   * {@link drain}.
   * @param inputs files, folders, globs, lists and addresses, as for `extractToFolder`
   * @throws InvalidArgumentError while another process adds videos; the errors of inputs; VideoClipError `ERR_QUEUE`
   */
  async add(inputs: readonly string[], options: Omit<AddOptions, "onNote"> = {}): Promise<AddedVideos> {
    const engine = await this.#connected();
    const store = await FeatureStore.read(this.folder);
    const { onNote } = this.options;
    const { videos, jobs } = await addToList(this.run, store, inputs, { ...options, onNote });
    const progress = await reconcile(this.run, engine, store, options.signal);
    askToStop(this.run.notes, false);
    return { addedVideos: videos, addedJobs: jobs, ...progress };
  }

  /**
   * Adds every job with videos that have no result to the queue again. Workers may work again after {@link drain}.
   * @param options.retryFailed also of videos that failed or were quarantined, and of partial ones
   */
  async reconcile(
    options: { retryFailed?: boolean | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<Progress> {
    if (options.retryFailed) this.run.retryFailed();
    const store = await FeatureStore.read(this.folder);
    const progress = await reconcile(this.run, await this.#connected(), store, options.signal);
    askToStop(this.run.notes, false);
    return progress;
  }

  /** Progress by the results, and what the workers do; with the jobs of the queue if its server is known. */
  async status(): Promise<RunStatus> {
    const store = await FeatureStore.read(this.folder);
    const isKnown = knownAddress(this.options.queue, this.run) !== undefined;
    return runStatus(this.run, store, isKnown ? await (await this.#connected()).counts() : undefined);
  }

  /** Asks all workers of the run to finish their videos, hand the rest back, and end. */
  drain(): void {
    askToStop(this.run.notes, true);
  }

  /**
   * Works on the run until every video has a result, or until the worker is asked to end.
   * @throws see `work`: VideoClipError `ERR_QUEUE` when the encoder would make other features than the run
   */
  async work({ name, ...options }: SharedWorkOptions): Promise<WorkSummary> {
    const { saveDtype, l2, hash, onError, keepPartial } = this.settings;
    const { lease, onNote } = this.options;
    const engine = await this.#connected();
    const store = await openWorkerStore(this.folder, name, { signal: options.signal, onNote });
    try {
      const all = { ...options, saveDtype, l2, hash, onError, keepPartial, lease, onNote };
      return await work(this.run, engine, store, all);
    } finally {
      store.close();
    }
  }

  /** Closes the connection to the server. */
  async close(): Promise<void> {
    const engine = await this.#engine?.catch(() => undefined);
    await engine?.close();
  }
}

/** Settings that mean the same in every folder: files are named by their absolute paths. */
function withPaths({ model, weights, ...others }: RunOptions): RunOptions {
  const isName = Object.hasOwn(VIDEO_MODELS, model) || Object.hasOwn(VIDEOCLIP_PRESETS, model);
  const file = weights === undefined ? {} : { weights: resolve(weights) };
  return { ...others, model: isName ? model : resolve(model), ...file };
}

const knownAddress = (queue: string | undefined, run?: Pick<RunFolder, "queue">): string | undefined =>
  queue ?? (process.env.VIDEOCLIP_QUEUE || undefined) ?? run?.queue;

/** The address of the server of a run. @throws InvalidArgumentError if none is known */
function addressOf(queue: string | undefined, run?: Pick<RunFolder, "queue">): string {
  const url = knownAddress(queue, run);
  if (url !== undefined) return url;
  throw new InvalidArgumentError(
    "queue: the server is unknown: give --queue redis://HOST:6379 or postgres://USER@HOST/DATABASE, or set VIDEOCLIP_QUEUE",
    { argument: "queue" },
  );
}
