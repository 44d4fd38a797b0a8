export interface ServeOptions {
  /** Folders of the videos, if they are not where the indexes say. Nothing outside of them is sent. */
  videos?: readonly string[] | undefined;
  /** Folders of the features that were indexed: searches can be filtered by the fields of their manifests. */
  features?: readonly string[] | undefined;
  /** Default `127.0.0.1`. Any address but this machine's own needs a token. */
  host?: string | undefined;
  /** Default 8420; 0 takes a free one. */
  port?: number | undefined;
  /** At least 16 characters that every request must have. */
  token?: string | undefined;
  /** More names under which the server is asked for, such as that of a proxy. */
  allowedHosts?: readonly string[] | undefined;
  /** Searches that are answered at once. Default 32; those that wait for the same rows share one pass over them. */
  parallel?: number | undefined;
  /** Searches that may wait; more are refused with status 503. Default 64. */
  waiting?: number | undefined;
  /** Seconds after which a search is given up. Default 30. */
  timeout?: number | undefined;
  /** Whether parts of videos that a browser cannot play are encoded for it. Default true. */
  previews?: boolean | undefined;
  /** Compute threads. Default: the cores this process may use. */
  threads?: number | undefined;
  /** Current paths of the text model, its tokenizer and its word list, if they have moved. */
  model?: string | undefined;
  tokenizer?: string | undefined;
  words?: string | undefined;
  /** Receives the log. Default: nothing is logged. */
  log?: ((event: Record<string, unknown>) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** A server that answers searches. */
export interface SearchServer {
  /** Address of the page. */
  readonly url: string;
  /** Ends open connections and frees the indexes and models. */
  close(): Promise<void>;
}
