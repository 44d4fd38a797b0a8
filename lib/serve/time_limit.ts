import { followSignal } from "../base/follow_signal.js";

/**
 * Runs work with a signal that also aborts after some milliseconds, with a `TimeoutError`. `AbortSignal.timeout` would
 * stay in memory for that time, after thousands of answers.
 * @throws what `work` throws
 */
export async function withTimeLimit<T>(
  signal: AbortSignal,
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const late = () => stop.abort(new DOMException("the time is over", "TimeoutError"));
  const timer = setTimeout(late, milliseconds);
  const unfollow = followSignal(stop, signal);
  try {
    return await work(stop.signal);
  } finally {
    clearTimeout(timer);
    unfollow();
  }
}
