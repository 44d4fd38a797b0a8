import { statSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { VideoClipError } from "../base/errors.js";
import type { FeatureStore } from "../features/store.js";
import { type FeatureNames, featureNames, withNames } from "../features/feature_names.js";
import { findInputs } from "../features/inputs/find_inputs.js";
import { type StorageOptions, VideoSources } from "../features/remote/video_sources.js";
import type { InputItem } from "../features/inputs/input_item.js";
import { takeLock } from "../features/lock.js";
import type { JobData, WorkEngine } from "./engine.js";
import type { Chunk, ListedVideo, RunFolder } from "./run_folder.js";

/** Limits of a job: videos, and bytes of video. */
const MAX_VIDEOS = 256;
const [MIN_BYTES, MAX_BYTES] = [64 << 20, 2 ** 31];
/** Jobs of a list, by which its size is divided: enough to keep many workers busy until the end. */
const JOBS = 400;
/** Items after which other tasks of the process run. */
const BATCH = 1000;
/** Jobs that are sent to the server together. */
const SENT_TOGETHER = 1000;

export interface AddOptions extends StorageOptions {
  /** Videos per job. Default: up to 256, fewer for long videos and short lists. */
  chunk?: number | undefined;
  onNote?: ((note: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Adds videos to the work lists of a run, one caller at a time, because a list and the names of its feature files depend
 * on the lists before it.
 * @returns the numbers of new videos and of jobs for them
 * @throws InvalidArgumentError while another process adds videos
 */
export async function addToList(
  run: RunFolder,
  store: Pick<FeatureStore, "records">,
  inputs: readonly string[],
  options: AddOptions = {},
): Promise<{ videos: number; jobs: number; listed: number }> {
  const { onNote, signal } = options;
  const lock = await takeLock(join(run.notes, "add.lock"), "another videoclip queue add", { onNote, signal });
  try {
    return await addNew(run, store, inputs, options);
  } finally {
    lock.release();
  }
}

async function addNew(
  run: RunFolder,
  store: Pick<FeatureStore, "records">,
  inputs: readonly string[],
  options: AddOptions,
): Promise<{ videos: number; jobs: number; listed: number }> {
  const { chunk, onNote, signal } = options;
  const sources = new VideoSources(options);
  const { items, omitted, roots } = await findInputs(inputs, sources, signal).finally(() => sources.dispose());
  const left = omitted.sentence();
  if (left) onNote?.(left);
  const known = new Map<string, { path: string; file: string }>();
  for (const { videos } of run.chunks()) for (const { path, file } of videos) known.set(path, { path, file });
  const fresh = known.size === 0 ? items : items.filter(({ path }) => !known.has(path));
  if (fresh.length === 0) return { videos: 0, jobs: 0, listed: known.size };
  const names = namesOf(fresh, known, store);
  function* videos(): Generator<ListedVideo> {
    for (const { path, address, error } of fresh) {
      const file = names.get(path);
      if (error) yield { path, file, error: { code: error.code, message: error.message } };
      else yield address === undefined ? { path, file } : { path, file, address };
    }
  }
  const limits = chunk ? { videos: chunk, bytes: Infinity, sizes: undefined } : await limitsOf(fresh, signal);
  let jobs = 0;
  function* counted() {
    for (const one of split(videos(), limits)) {
      jobs++;
      yield one;
    }
  }
  run.addList(
    counted(),
    roots.map(({ path }) => path),
  );
  return { videos: fresh.length, jobs, listed: known.size + fresh.length };
}

/** Names of feature files that no other video of the run and no record has. */
function namesOf(
  items: readonly InputItem[],
  known: ReadonlyMap<string, { path: string; file: string }>,
  store: Pick<FeatureStore, "records">,
): FeatureNames {
  return featureNames(items, known.size === 0 ? store.records : withNames(known, store.records));
}

interface Limits {
  videos: number;
  bytes: number;
  sizes: Float64Array | undefined;
}

async function limitsOf(items: readonly InputItem[], signal: AbortSignal | undefined): Promise<Limits> {
  const sizes = new Float64Array(items.length);
  let total = 0;
  for (const [i, { path, source, error }] of items.entries()) {
    if (i % BATCH === 0) await turn(undefined, { signal });
    sizes[i] = source?.bytes ?? ((!error && statSync(path, { throwIfNoEntry: false })?.size) || 0);
    total += sizes[i];
  }
  const videos = Math.min(MAX_VIDEOS, Math.max(1, Math.ceil(items.length / JOBS)));
  return { videos, bytes: Math.min(MAX_BYTES, Math.max(MIN_BYTES, total / JOBS)), sizes };
}

function* split(videos: Iterable<ListedVideo>, limits: Limits): Generator<ListedVideo[]> {
  let chunk: ListedVideo[] = [];
  let bytes = 0;
  let position = 0;
  for (const video of videos) {
    const size = limits.sizes?.[position++] ?? 0;
    if (chunk.length === limits.videos || (chunk.length > 0 && bytes + size > limits.bytes)) {
      yield chunk;
      [chunk, bytes] = [[], 0];
    }
    chunk.push(video);
    bytes += size;
  }
  if (chunk.length > 0) yield chunk;
}

export interface Progress {
  videos: number;
  done: number;
  failed: number;
  /** Of the failed ones, number that ended workers and are not handed out any more. */
  quarantined: number;
  left: number;
  /** Number of jobs that have videos left. */
  jobs: number;
}

/** Counts the results of a run, and calls `missing` for every job with videos that have none. */
export async function compare(
  run: RunFolder,
  store: Pick<FeatureStore, "records" | "failures">,
  missing: (chunk: Chunk) => void | Promise<void> = () => {},
  signal?: AbortSignal | undefined,
): Promise<Progress> {
  const progress: Progress = { videos: 0, done: 0, failed: 0, quarantined: 0, left: 0, jobs: 0 };
  const retriedAt = run.retriedAt();
  let count = 0;
  for (const chunk of run.chunks()) {
    let left = 0;
    for (const { path } of chunk.videos) {
      if (++count % BATCH === 0) await turn(undefined, { signal });
      const state = stateOfVideo(store, path, retriedAt);
      if (state === "left") left++;
      else progress[state === "done" ? "done" : "failed"]++;
      if (state === "quarantined") progress.quarantined++;
    }
    progress.videos += chunk.videos.length;
    progress.left += left;
    if (left === 0) continue;
    progress.jobs++;
    await missing(chunk);
  }
  return progress;
}

/** What the results say about a video. @param retriedAt see `RunFolder.retriedAt` */
export function stateOfVideo(
  { records, failures }: Pick<FeatureStore, "records" | "failures">,
  path: string,
  retriedAt: string,
): "done" | "failed" | "quarantined" | "left" {
  const failure = failures.get(path);
  if (failure && failure.failed_at > retriedAt) return failure.code === "ERR_QUARANTINED" ? "quarantined" : "failed";
  const record = records.get(path);
  return record && !(record.partial && record.finishedAt <= retriedAt) ? "done" : "left";
}

/** Adds a job to the queue for every chunk with videos that have no result. Jobs that are there already stay. */
export async function reconcile(
  run: RunFolder,
  engine: WorkEngine,
  store: Pick<FeatureStore, "records" | "failures">,
  signal?: AbortSignal | undefined,
): Promise<Progress> {
  if (run.lists().length === 0)
    throw new VideoClipError("ERR_QUEUE", `${run.folder}: the run has no videos: add some with videoclip queue add`);
  let waiting: { id: string; data: JobData }[] = [];
  const send = async () => {
    await engine.add(waiting);
    waiting = [];
  };
  const progress = await compare(
    run,
    store,
    async ({ id, data }) => {
      waiting.push({ id, data });
      if (waiting.length >= SENT_TOGETHER) await send();
    },
    signal,
  );
  await send();
  return progress;
}
