/**
 * Aborts a controller when a signal aborts, with its reason. `AbortSignal.any` would do it too, but each of its calls leaves something
 * with a signal that lives on: for every video of a long run, or every step of a training.
 * @returns ends that, and leaves nothing with the signal
 */
export function followSignal(controller: AbortController, signal: AbortSignal | undefined): () => void {
  const abort = () => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return () => signal?.removeEventListener("abort", abort);
}
