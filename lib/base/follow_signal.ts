/**
 * Aborts a controller when a signal aborts, with its reason. `AbortSignal.any` would do so too, but each of its calls
 * leaves an object attached to a long-lived signal, for every video of a long run or every step of a training.
 * @returns a function that detaches it completely
 */
export function followSignal(controller: AbortController, signal: AbortSignal | undefined): () => void {
  const abort = () => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return () => signal?.removeEventListener("abort", abort);
}
