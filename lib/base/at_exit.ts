/** Cleanup of temporary files and locks when the process ends early. */

const pending = new Set<() => void>();

function runAll(): void {
  for (const work of pending) {
    try {
      work();
    } catch {
      // the other functions still run, and nobody can receive the error
    }
  }
  pending.clear();
}

/**
 * Registers a function that runs when the process ends by `process.exit`, an uncaught error or normally, but not by an
 * unhandled signal.
 * @param work must be synchronous
 * @returns a function that unregisters it
 */
export function atExit(work: () => void): () => void {
  if (pending.size === 0) process.on("exit", runAll);
  pending.add(work);
  return () => {
    if (pending.delete(work) && pending.size === 0) process.off("exit", runAll);
  };
}
