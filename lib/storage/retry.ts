import { setTimeout as sleep } from "node:timers/promises";

export interface RetryOptions {
  /** Attempts in all. Default 10. */
  attempts?: number | undefined;
  /** Milliseconds of the first wait, which doubles with each attempt. Default 100. */
  firstWait?: number | undefined;
  /** Seconds without a byte after which a request is given up and made again. Default 30. */
  idle?: number | undefined;
}

const ATTEMPTS = 10;
const FIRST_WAIT = 100;
const IDLE = 30;
/** Milliseconds of the longest wait, and of the longest one that a server may ask for. */
const LONGEST_WAIT = 20_000;
const LONGEST_ASKED = 60_000;

/** How often and after which waits requests are made again. */
export class Retries {
  readonly attempts: number;
  readonly firstWait: number;
  /** Milliseconds. */
  readonly idle: number;

  constructor({ attempts = ATTEMPTS, firstWait = FIRST_WAIT, idle = IDLE }: RetryOptions = {}) {
    this.attempts = attempts;
    this.firstWait = firstWait;
    this.idle = idle * 1000;
  }

  /**
   * Waits before another attempt, for a random part of a time that doubles ("full jitter"), so that many clients do not
   * come back together.
   * @param failed number of failed attempts, from 1
   * @param asked milliseconds that the server asks for
   * @throws the signal's reason
   */
  async wait(failed: number, signal?: AbortSignal, asked = 0): Promise<void> {
    const longest = Math.min(LONGEST_WAIT, this.firstWait * 2 ** (failed - 1));
    const time = Math.max(Math.random() * longest, Math.min(asked, LONGEST_ASKED));
    try {
      await sleep(time, undefined, { signal });
    } catch {
      signal?.throwIfAborted();
    }
  }
}

/** Milliseconds of the header `Retry-After`, which has seconds or a date; 0 without it. */
export function retryAfter(headers: Headers): number {
  const text = headers.get("retry-after");
  if (text === null) return 0;
  const seconds = Number(text);
  const time = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(text) - Date.now();
  return time > 0 ? time : 0;
}
