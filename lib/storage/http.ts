import { followSignal } from "../base/follow_signal.js";
import { oneLine, StorageError } from "./storage_error.js";

export interface HttpRequest {
  method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  url: URL;
  headers: Record<string, string>;
  body?: Uint8Array | undefined;
  redirect: "follow" | "manual";
  signal?: AbortSignal | undefined;
  /** Milliseconds without a byte after which the request is given up. */
  idle: number;
  /** The address in messages, without secrets. */
  address: string;
}

/** An answer, whose body must be read, or cancelled. */
export interface HttpResponse {
  status: number;
  headers: Headers;
  /** The address after redirects. */
  url: string;
  /** Its bytes as they arrive. @throws StorageError `interrupted` */
  body: AsyncGenerator<Uint8Array>;
  /** The whole body as text. @throws StorageError `interrupted`, also for a body of more than `limit` bytes */
  text(limit: number): Promise<string>;
  /** Ends the request without reading on. */
  cancel(): void;
}

/** Errors of a connection that another attempt would meet too. */
const LASTING = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|ERR_INVALID|UND_ERR_INVALID_ARG/;

/** A request that got no answer. */
export class NoAnswer extends StorageError {
  constructor(
    message: string,
    /** Whether another attempt could succeed. */
    readonly again: boolean,
    /** Whether nothing listens at the address, or it has no host. */
    readonly refused: boolean,
    details: object,
  ) {
    super("interrupted", message, details);
  }
}

/**
 * Sends one request. An answer of any status is returned; a time without a byte that is too long, before the answer or
 * within its body, ends it.
 * @throws NoAnswer; the signal's reason
 */
export async function send(request: HttpRequest): Promise<HttpResponse> {
  const { url, method, headers, body, redirect, address, signal } = request;
  signal?.throwIfAborted();
  const watch = new IdleWatch(request);
  let response: Response;
  try {
    // compressed bodies have no ranges
    const asked = { "accept-encoding": "identity", ...headers };
    const bytes = body as Uint8Array<ArrayBuffer> | undefined; // no body of this package is in shared memory
    const init = { method, headers: asked, body: bytes, redirect, signal: watch.signal };
    response = await watch.during(fetch(url, init));
  } catch (cause) {
    watch.end();
    signal?.throwIfAborted();
    throw noAnswer(address, url.host, cause);
  }
  const stream = bytesOf(response, watch, address, signal);
  const leave = stream.return.bind(stream);
  stream.return = (value) => {
    watch.end(true); // a generator that was not begun would not clean up
    return leave(value);
  };
  return {
    status: response.status,
    headers: response.headers,
    url: response.url,
    body: stream,
    text: (limit) => textOf(stream, limit, address),
    cancel: () => watch.end(true),
  };
}

/** Aborts a request while nothing arrives. */
class IdleWatch {
  #abort = new AbortController();
  #timer: NodeJS.Timeout;
  #unfollow: () => void;
  #waiting = false;

  constructor({ idle, address, signal }: HttpRequest) {
    this.#unfollow = followSignal(this.#abort, signal);
    const late = () => {
      if (!this.#waiting) return void this.#timer.refresh(); // the reader is slow, not the server
      this.#abort.abort(new StorageError("interrupted", `${address}: no byte arrived for ${idle / 1000} s`));
    };
    this.#timer = setTimeout(late, idle);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Waits for something to arrive. */
  async during<T>(promise: Promise<T>): Promise<T> {
    this.#waiting = true;
    this.#timer.refresh();
    try {
      return await promise;
    } finally {
      this.#waiting = false;
    }
  }

  end(cancel = false): void {
    clearTimeout(this.#timer);
    this.#unfollow();
    if (cancel) this.#abort.abort(new Error("the answer is not needed"));
  }
}

async function* bytesOf(
  { body }: Response,
  watch: IdleWatch,
  address: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let ended = false;
  try {
    const reader = body?.getReader();
    while (reader) {
      const step = await watch.during(reader.read());
      if (step.done) break;
      yield step.value as Uint8Array;
    }
    ended = true;
  } catch (cause) {
    ended = true;
    signal?.throwIfAborted();
    if (watch.signal.aborted) throw watch.signal.reason;
    throw new StorageError("interrupted", `${address}: the connection ended within the data (${reasonOf(cause)})`, {
      file: address,
      cause,
    });
  } finally {
    watch.end(!ended);
  }
}

async function textOf(stream: AsyncIterable<Uint8Array>, limit: number, address: string): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > limit) throw new StorageError("interrupted", `${address}: the answer has more than ${limit} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

/** The code of the system or of the client behind a failed `fetch`, or its message. */
function reasonOf(error: unknown): string {
  let message = "";
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as NodeJS.ErrnoException;
    if (typeof code === "string") return code;
    message = at.message || message;
  }
  return oneLine(message) || "unknown reason";
}

function noAnswer(address: string, host: string, cause: unknown): NoAnswer {
  if (cause instanceof StorageError) return new NoAnswer(cause.message, true, false, { file: address, cause });
  const reason = reasonOf(cause);
  const refused = ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"].includes(reason);
  const message = `${address}: ${host} gives no answer (${reason})`;
  return new NoAnswer(message, !LASTING.test(reason), refused, { file: address, cause });
}
