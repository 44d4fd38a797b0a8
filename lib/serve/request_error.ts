/**
 * A request that the server refuses. It becomes an answer and never reaches the caller of this package; its message
 * names no path of the machine.
 */
export class RequestError extends Error {
  constructor(
    /** HTTP status. */
    readonly status: 400 | 401 | 403 | 404 | 405 | 408 | 413 | 415 | 422 | 500 | 503,
    message: string,
    /** Headers of the answer. */
    readonly headers: Record<string, string> = {},
  ) {
    super(message);
    this.name = "RequestError";
  }
}
