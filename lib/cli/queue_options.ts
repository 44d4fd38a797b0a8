import type { Command } from "commander";
import { InvalidArgumentError } from "../base/errors.js";
import type { WorkEngine } from "../queue/engine.js";
import { openEngine } from "../queue/bull_engine.js";
import type { RunFolder } from "../queue/run_folder.js";

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

/** The address of the server of a run. @throws InvalidArgumentError if none is known */
export function queueAddress(queue: string | undefined, run?: Pick<RunFolder, "queue">): string {
  const url = queue ?? (process.env.VIDEOCLIP_QUEUE || undefined) ?? run?.queue;
  if (url !== undefined) return url;
  throw new InvalidArgumentError(
    "queue: the server is unknown: give --queue redis://HOST:6379 or postgres://USER@HOST/DATABASE, or set VIDEOCLIP_QUEUE",
    { argument: "queue" },
  );
}

/** Runs work with the queue of a run, and closes it. */
export async function withEngine<T>(
  run: RunFolder,
  queue: string | undefined,
  work: (engine: WorkEngine) => Promise<T>,
  lease?: number,
): Promise<T> {
  let last = "";
  const engine = await openEngine(queueAddress(queue, run), run.name, {
    lease,
    onFault: (reason) => {
      if (reason !== last) process.stderr.write(`queue: ${reason}; the connection is made again\n`);
      last = reason;
    },
  });
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}
