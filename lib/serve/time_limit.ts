import type { ServerResponse } from "node:http";

/**
 * Runs work for a client with a signal that aborts after some milliseconds, with a `TimeoutError`, and when the client
 * goes away, with an `AbortError`. `AbortSignal.timeout` would stay in memory for that time, after thousands of answers.
 * @param response to the client
 * @throws what `work` throws
 */
export async function withTimeLimit<T>(
  response: Pick<ServerResponse, "once" | "off" | "closed">,
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const late = () => stop.abort(new DOMException("the time is over", "TimeoutError"));
  const gone = () => stop.abort(new DOMException("the client is gone", "AbortError"));
  const timer = setTimeout(late, milliseconds);
  if (response.closed) gone();
  else response.once("close", gone);
  try {
    return await work(stop.signal);
  } finally {
    clearTimeout(timer);
    response.off("close", gone);
  }
}
