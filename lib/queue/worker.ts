import { setTimeout as sleep } from "node:timers/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { VideoClipError, VideoError } from "../base/errors.js";
import { quietly } from "../base/files.js";
import { checkResume } from "../features/resume.js";
import { type SavedCounts, type SaveOptions, saveVideos, settingsOf } from "../features/save_videos.js";
import { FeatureStore } from "../features/store.js";
import type { InputItem } from "../features/inputs/input_item.js";
import { identify, type InputRoot } from "../features/inputs/find_inputs.js";
import { endOfRun } from "../features/surroundings.js";
import { aloneId, Crashes } from "./crashes.js";
import type { Lease, WorkEngine } from "./engine.js";
import { reconcile, stateOfVideo } from "./fill.js";
import { HeldJobs } from "./held_jobs.js";
import { Heartbeat } from "./heartbeat.js";
import { itemOf, type ListedVideo, type RunFolder } from "./run_folder.js";

export interface WorkOptions extends SaveOptions {
  /** Number of deaths of workers after which a video is quarantined. Default 2. */
  maxCrashes?: number | undefined;
  /** Milliseconds of a lease. Default 60000. */
  lease?: number | undefined;
  /** Ends the work in an orderly way: videos in progress are finished, and the rest is handed back. */
  drain?: AbortSignal | undefined;
  onNote?: ((note: string) => void) | undefined;
}

export interface WorkSummary extends SavedCounts {
  /** Number of videos of this worker's jobs that had a result already. */
  skipped: number;
  /** Number of videos that were quarantined by this worker. */
  quarantined: number;
  /** Whether every video of the run has a result. */
  complete: boolean;
  seconds: number;
}

/** Milliseconds between two questions to the server while no job waits. */
const POLL = 1000;
/** Milliseconds that a busy worker waits for the server's next job before it goes on with what it has. */
const PATIENCE = 2000;
/** Milliseconds of the first and the longest pause after a fault of the surroundings. */
const [FIRST_PAUSE, LONGEST_PAUSE] = [1000, 300_000];
/** Faults that no pause mends in this process. */
const FATAL = ["ERR_DEVICE_LOST", "ERR_DECODER_MISSING", "ERR_RESULTS_DIFFER", "ERR_INVALID_ARGUMENT", "ERR_INTERNAL"];

/**
 * Works on the videos of a run until every one has a result, which may be its failure. Results are saved before a job is
 * answered, and videos with results are passed over, so that a job may be handed out twice without harm.
 * @param store the part of this worker
 * @throws VideoClipError `ERR_QUEUE` when the features of this worker would differ from those of the run; errors that
 * later attempts meet too; the signal's reason, after finished videos are saved and jobs handed back
 */
export async function work(
  run: RunFolder,
  engine: WorkEngine,
  store: FeatureStore,
  options: WorkOptions,
): Promise<WorkSummary> {
  return new RunWorker(run, engine, store, options).run();
}

class RunWorker {
  readonly #summary: WorkSummary = {
    videos: 0,
    clips: 0,
    failures: 0,
    broken: 0,
    skipped: 0,
    quarantined: 0,
    complete: false,
    seconds: 0,
  };
  readonly #settings: Record<string, unknown>;
  readonly #crashes: Crashes;
  readonly #jobs: HeldJobs;
  readonly #beat: Heartbeat;
  /** Names of feature files of the videos in progress. */
  readonly #names = new Map<string, string>();
  /** A job that was taken and must begin with nothing beside it. */
  #next: Lease | undefined;
  #faults = 0;
  #roots: readonly InputRoot[] = [];

  constructor(
    private readonly workRun: RunFolder,
    private readonly engine: WorkEngine,
    private readonly store: FeatureStore,
    private readonly options: WorkOptions,
  ) {
    const { lease = 60_000, onNote = () => {} } = options;
    this.#settings = settingsOf(options);
    this.#crashes = new Crashes(workRun.notes, store.part);
    this.#jobs = new HeldJobs(this.#crashes, lease, onNote);
    this.#beat = new Heartbeat(workRun.notes, store.part, this.#summary);
  }

  async run(): Promise<WorkSummary> {
    const { onNote } = this.options;
    const started = Date.now();
    const delay = monitorEventLoopDelay({ resolution: 20 });
    delay.enable();
    try {
      this.workRun.checkIdentity(this.#settings);
      checkResume(this.store, [], true, this.#settings);
      await this.#findRoots();
      for (const warning of this.engine.warnings) onNote?.(warning);
      await this.#loop();
    } finally {
      await this.#jobs.handBackAll();
      this.#beat.close();
      quietly(() => this.#crashes.close());
      const slowest = delay.max / 1e6;
      if (slowest > this.#jobs.lease / 8)
        onNote?.(`this worker stood still for ${Math.round(slowest / 1000)} s, and renewed its leases late`);
      delay.disable();
    }
    this.#summary.seconds = (Date.now() - started) / 1000;
    return this.#summary;
  }

  /** @throws VideoError `ERR_INPUTS_LOST` when this machine has none of the folders of the videos */
  async #findRoots(): Promise<void> {
    const folders = this.workRun.roots();
    this.#roots = await identify(folders);
    if (folders.length === 0 || this.#roots.length > 0) return;
    throw new VideoError(
      "ERR_INPUTS_LOST",
      `${folders[0]}: this machine has no such folder, in which the videos of the run were found: mount it at the same path`,
      { file: folders[0] },
    );
  }

  async #loop(): Promise<void> {
    while (!this.#isDraining() && !this.#summary.complete) {
      try {
        await this.#turn();
      } catch (error) {
        await this.#afterFault(error);
      }
    }
  }

  async #turn(): Promise<void> {
    const { engine, store } = this;
    const lease = this.#next ?? (await engine.take(PATIENCE));
    this.#next = undefined;
    if (lease) return this.#segment(lease);
    const { waiting, active, delayed } = await engine.counts();
    if (waiting > 0) return this.#pause(100); // they came meanwhile
    if (active + delayed > 0) return this.#pause(POLL * (0.5 + Math.random())); // others are at work, and may die
    await store.refresh();
    const { left } = await reconcile(this.workRun, engine, store, this.options.signal);
    this.#summary.complete = left === 0;
  }

  #isDraining(): boolean {
    this.options.signal?.throwIfAborted();
    return (this.options.drain?.aborted ?? false) || this.#beat.isStopped();
  }

  async #pause(milliseconds: number): Promise<void> {
    const { signal, drain } = this.options;
    const either = AbortSignal.any([signal, drain].filter((one) => one !== undefined));
    await sleep(milliseconds, undefined, { signal: either }).catch(() => {});
    signal?.throwIfAborted();
  }

  /** Works on jobs one after another without a gap, until none waits, or the next one must begin alone. */
  async #segment(first: Lease): Promise<void> {
    const { options, store } = this;
    await saveVideos(
      this.#items(first),
      {
        store,
        nameOf: (path) => this.#names.get(path)!,
        settings: this.#settings,
        roots: this.#roots,
        counts: this.#summary,
        isShared: true,
      },
      {
        ...options,
        onEvent: (event) => {
          if (event.type !== "clip") {
            this.#names.delete(event.path);
            this.#jobs.finished(event.path);
            this.#beat.finished(event);
          }
          options.onEvent?.(event);
        },
      },
    );
    this.#faults = 0;
    await this.#jobs.handBackAll(this.#next);
  }

  /** Hands the jobs back after a fault, and waits; rethrows what a pause does not mend. */
  async #afterFault(error: unknown): Promise<void> {
    this.#names.clear();
    const { signal, onNote } = this.options;
    const fatal = !(error instanceof VideoClipError) || FATAL.includes(error.code);
    if (signal?.aborted || fatal) {
      await this.#jobs.handBackAll();
      throw endOfRun(error);
    }
    this.#next = undefined;
    await this.#jobs.retryAll(error);
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.#faults++, 20)) * (0.5 + Math.random() / 2);
    onNote?.(
      `${error.message} [${error.code}]; fault ${this.#faults} in a row; the jobs were handed back, next attempt in ${Math.ceil(pause / 1000)} s`,
    );
    await this.#pause(pause);
  }

  /** The videos of jobs. It never waits for results of earlier videos, whose clips may wait for a full batch. */
  async *#items(first: Lease): AsyncGenerator<InputItem> {
    for (let lease: Lease | undefined = first; lease; lease = await this.#following()) {
      for (const video of await this.#begin(lease)) {
        if (this.#isDraining()) return;
        if (!(await this.#jobs.isHeld(lease))) break;
        const isOpen = this.#jobs.isOpen(video.path);
        this.#jobs.started(lease, video.path);
        if (isOpen) continue; // its result counts for both jobs
        this.#crashes.begin(video.path, this.#jobs.tokenOf(lease));
        this.#names.set(video.path, video.file);
        this.#beat.started(video.path);
        yield itemOf(video);
      }
      this.#jobs.allStarted(lease);
      if (lease.data.alone !== undefined) return;
    }
  }

  /** The next job, if it may run beside the one before. */
  async #following(): Promise<Lease | undefined> {
    if (this.#isDraining()) return undefined;
    const lease = await this.engine.take(PATIENCE);
    if (lease?.data.alone === undefined) return lease;
    this.#next = lease;
    this.#jobs.hold(lease);
    return undefined;
  }

  /** The videos of a job that have no result. Those that may have ended a worker get a separate job. */
  async #begin(lease: Lease): Promise<ListedVideo[]> {
    const { store, workRun } = this;
    const { maxCrashes = 2, onNote } = this.options;
    this.#jobs.hold(lease);
    const chunk = workRun.chunk(lease.data);
    await store.refresh();
    const retriedAt = workRun.retriedAt();
    const left = chunk.videos.filter(({ path }) => stateOfVideo(store, path, retriedAt) === "left");
    this.#summary.skipped += chunk.videos.length - left.length;
    const deaths = this.#crashes.charge(new Set(left.map(({ path }) => path)), lease.deaths > 0, retriedAt);
    if (deaths.size === 0) return left;
    const rest: ListedVideo[] = [];
    for (const video of left) {
      const { path } = video;
      const count = deaths.get(path) ?? 0;
      if (count >= maxCrashes) {
        await this.#quarantine(path, count);
      } else if (count > 0 && lease.data.alone === undefined) {
        onNote?.(`${path}: a worker died while it was open; it is tried again alone`);
        await this.engine.add([{ id: aloneId(chunk.id, path), data: { ...lease.data, alone: path } }]);
      } else rest.push(video);
    }
    return rest;
  }

  async #quarantine(path: string, deaths: number): Promise<void> {
    const reason = `${path}: ${deaths} workers died while it was open; it is not handed out any more`;
    const failed_at = new Date().toISOString();
    await this.store.add([], [{ path, code: "ERR_QUARANTINED", reason, source: null, failed_at }]);
    this.#summary.quarantined++;
    this.#summary.failures++;
    this.options.onNote?.(reason);
  }
}
