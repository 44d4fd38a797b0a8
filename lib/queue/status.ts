import type { FeatureStore } from "../features/store.js";
import type { QueueCounts } from "./engine.js";
import { compare, type Progress } from "./fill.js";
import { readWorkers, type WorkerNote } from "./heartbeat.js";
import type { RunFolder } from "./run_folder.js";

/** Milliseconds without a note after which a worker counts as silent. */
const SILENT = 60_000;

/** A worker of a run, with its speed. */
export interface WorkerStatus extends WorkerNote {
  /** Videos per second since its start. */
  rate: number;
  /** Whether it has not been seen for a minute. */
  isSilent: boolean;
}

export interface RunStatus extends Progress {
  /** Jobs of the queue; absent when no server was asked. */
  queue?: QueueCounts | undefined;
  workers: WorkerStatus[];
  /** Videos per second of all workers that were seen in the last minute. */
  rate: number;
  /** Hours of video per second of all workers that were seen in the last minute. */
  hours: number;
  /** Seconds until the end at this rate; null if it is unknown. */
  seconds: number | null;
}

/** The state of a run, by its results and the notes of its workers. */
export async function runStatus(
  run: RunFolder,
  store: Pick<FeatureStore, "records" | "failures">,
  queue?: QueueCounts,
): Promise<RunStatus> {
  const progress = await compare(run, store);
  const now = Date.now();
  const workers = readWorkers(run.notes).map((note): WorkerStatus => {
    const seconds = Math.max(1, (Date.parse(note.seen) - Date.parse(note.started)) / 1000);
    return {
      ...note,
      rate: (note.videos + note.failures) / seconds,
      isSilent: now - Date.parse(note.seen) > SILENT,
    };
  });
  const live = workers.filter(({ isSilent }) => !isSilent);
  const rate = live.reduce((sum, worker) => sum + worker.rate, 0);
  const hours = live.reduce((sum, worker) => {
    const done = worker.videos + worker.failures;
    return done === 0 ? sum : sum + ((worker.duration / done) * worker.rate) / 3600;
  }, 0);
  const seconds = progress.left === 0 ? 0 : rate > 0 ? progress.left / rate : null;
  return { ...progress, ...(queue ? { queue } : {}), workers, rate, hours, seconds };
}
