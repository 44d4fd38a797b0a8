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
