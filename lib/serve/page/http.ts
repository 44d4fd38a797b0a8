/// <reference lib="dom" />

/** The JSON of a request, or a sentence that says why there is none. */
export type Answer<T> = { value: T } | { problem: string };

/** Rejects with the reason of the signal only. */
export async function getJson<T>(path: string, init: RequestInit = {}): Promise<Answer<T>> {
  try {
    const answer = await fetch(path, { ...init, headers: { Accept: "application/json", ...init.headers } });
    const value = await answer.json();
    return answer.ok ? { value } : { problem: value?.error?.message ?? `the server answered ${answer.status}` };
  } catch {
    init.signal?.throwIfAborted();
    return { problem: "the server does not answer" };
  }
}
