/** What must not stay behind when the process ends early: temporary files, locks. */

const pending = new Set<() => void>();

function runAll(): void {
  for (const work of pending) {
    try {
      work();
    } catch {
      // the others have their turn, and there is nobody left to tell
    }
  }
  pending.clear();
}

/**
 * Has work done when the process ends by `process.exit`, an uncaught error or at its natural end; a signal that nobody handles ends it
 * without.
 * @param work must be synchronous
 * @returns forgets the work
 */
export function atExit(work: () => void): () => void {
  if (pending.size === 0) process.on("exit", runAll);
  pending.add(work);
  return () => {
    if (pending.delete(work) && pending.size === 0) process.off("exit", runAll);
  };
}
