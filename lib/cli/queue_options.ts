import type { Command } from "commander";
import { SharedRun } from "../queue/shared_run.js";
import { printable } from "./options.js";

/** Options that name a run and the server of its queue. */
export interface QueueFlags {
  run: string;
  queue?: string;
}

export const withQueue = (command: Command): Command =>
  command
    .requiredOption("--run <dir>", "folder of the run: its results, its lists of videos and its settings")
    .option(
      "--queue <url>",
      "server of the queue: redis://, rediss:// or postgres://; default: VIDEOCLIP_QUEUE, or the address in the run",
    );

/** A note on stderr. */
export const note = (text: string): void => void process.stderr.write(`${printable(text)}\n`);

/** Does something with a run, and closes its connection. */
export async function withRun<T>(run: SharedRun, work: (run: SharedRun) => Promise<T>): Promise<T> {
  try {
    return await work(run);
  } finally {
    await run.close();
  }
}

/** Opens the run of a command for {@link withRun}. */
export const openRun = ({ run, queue }: QueueFlags): SharedRun => SharedRun.open(run, { queue, onNote: note });
