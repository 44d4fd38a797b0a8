/** Milliseconds in which a second signal counts as the same: a terminal and `npm run` both send it. */
const SAME_SIGNAL = 300;

/**
 * Runs work whose signal aborts on SIGINT and SIGTERM. If the work ends because of it, the exit code is 130. A second
 * signal ends the process at once. Temporary files and locks are removed in both cases.
 * @param interrupted reports what was saved; it rethrows an error that is not the interruption
 */
export async function onInterrupt(
  work: (signal: AbortSignal) => Promise<void>,
  interrupted: (error: unknown, signal: AbortSignal) => void,
): Promise<void> {
  const abort = new AbortController();
  let first = 0;
  const interrupt = () => {
    if (first === 0) first = Date.now();
    else if (Date.now() - first > SAME_SIGNAL) process.exit(130);
    abort.abort(new Error("interrupted"));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    await work(abort.signal);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    interrupted(error, abort.signal);
    process.exitCode = 130;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

/**
 * {@link onInterrupt} for work that reports what was saved in one line.
 * @param note after `videoclip: interrupted; `
 */
export const interruptible = (note: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> =>
  onInterrupt(work, () => process.stderr.write(`videoclip: interrupted; ${note}\n`));

/**
 * Runs work that a first SIGINT or SIGTERM asks to end in an orderly way.
 * @param grace milliseconds after which the second signal that the work receives aborts it, as does another SIGINT or
 * SIGTERM; then the exit code is 130
 */
export async function onDrain(
  grace: number,
  work: (drain: AbortSignal, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const [drain, stop] = [new AbortController(), new AbortController()];
  let first = 0;
  let timer: NodeJS.Timeout | undefined;
  const giveUp = () => stop.abort(new Error("interrupted"));
  const ask = () => {
    if (first === 0) {
      first = Date.now();
      process.stderr.write("videoclip: asked to end; videos in progress are finished, the rest is handed back\n");
      timer = setTimeout(giveUp, grace);
      drain.abort(new Error("asked to end"));
    } else if (Date.now() - first > SAME_SIGNAL) {
      if (stop.signal.aborted) process.exit(130);
      giveUp();
    }
  };
  process.on("SIGINT", ask).on("SIGTERM", ask);
  try {
    await work(drain.signal, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.stderr.write("videoclip: interrupted; finished videos are saved, the others are done by other workers\n");
    process.exitCode = 130;
  } finally {
    clearTimeout(timer);
    process.off("SIGINT", ask).off("SIGTERM", ask);
  }
}
