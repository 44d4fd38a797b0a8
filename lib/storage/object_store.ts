/** Facts about an object by which a later change is noticed. */
export interface ObjectFacts {
  key: string;
  bytes: number;
  /** Time of its last change, in milliseconds since 1970; 0 if it is unknown. */
  modified: number;
  /** Its entity tag, with the quotes; absent if the store has none. */
  etag?: string | undefined;
}

/** An object, or a part of it, as it arrives. */
export interface ObjectBody {
  /** Of the whole object. `bytes` is absent if the sender does not say it. */
  facts: Omit<ObjectFacts, "key" | "bytes"> & { bytes?: number | undefined };
  /** Position of the first byte in the object; a store without ranges begins at 0. */
  from: number;
  /** May be left early; errors while it is read are those of the network. */
  body: AsyncIterable<Uint8Array>;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
}

export interface GetOptions extends CallOptions {
  /** First byte. Default 0. */
  from?: number | undefined;
  /** Last byte, inclusive. Default: the end. */
  to?: number | undefined;
  /** Entity tag that the object must have. */
  ifMatch?: string | undefined;
}

export interface PutOptions extends CallOptions {
  /** Whether the object must not exist yet: `If-None-Match: *`. */
  ifNoneMatch?: boolean | undefined;
}

/**
 * The objects of one bucket: the part of S3 that this package uses. `S3Store` implements it on `fetch`; a program may
 * pass another one. Errors should be `StorageError`s; those of other classes are understood by their status of HTTP
 * (`status`, `statusCode` or `$metadata.httpStatusCode`), and without one as errors of the network, after which the
 * call is made again.
 */
export interface ObjectStore {
  /** All objects whose keys begin with `prefix`, in the order of the store; pages are fetched as they are needed. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ObjectFacts>;
  /** Undefined if there is no such object. */
  head(key: string, options?: CallOptions): Promise<ObjectFacts | undefined>;
  /** @throws StorageError `missing`, `denied`; `changed` if the object has another entity tag */
  get(key: string, options?: GetOptions): Promise<ObjectBody>;
  /** Writes an object in one request. @throws StorageError `exists` with `ifNoneMatch` */
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<void>;
  /** Writes an object in parts of 5 MiB or more; after an error nothing of it is left. */
  upload(key: string, parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options?: PutOptions): Promise<void>;
  delete(key: string, options?: CallOptions): Promise<void>;
}
