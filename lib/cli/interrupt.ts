/** Milliseconds in which a second signal is the same one: a terminal and `npm run` both send it. */
const SAME_SIGNAL = 300;

/**
 * Runs work whose signal aborts at SIGINT and at SIGTERM. Work that ends because of it sets the exit code to 130. A second signal ends
 * the process at once; temporary files and locks are removed either way.
 * @param interrupted says what is safe; it throws the error again when that is not the interruption but a failure
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
 * {@link onInterrupt} for work that says what is safe in one line.
 * @param note after `videoclip: interrupted; `
 */
export const interruptible = (note: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> =>
  onInterrupt(work, () => process.stderr.write(`videoclip: interrupted; ${note}\n`));
