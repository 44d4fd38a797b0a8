import { fileNameOf, isRemote } from "../../base/addresses.js";
import { InvalidArgumentError, VideoClipError, VideoError } from "../../base/errors.js";
import { followSignal } from "../../base/follow_signal.js";
import { endingOf, isMediaName } from "../../base/media_names.js";
import type { SourceFacts } from "../../records/feature_manifest.js";
import { type Downloaded, download, type DownloadSource, TooLarge } from "../../storage/download.js";
import type { ObjectFacts, ObjectStore } from "../../storage/object_store.js";
import type { RetryOptions } from "../../storage/retry.js";
import { S3Store } from "../../storage/s3_store.js";
import { StorageError, storageErrorOf } from "../../storage/storage_error.js";
import { WebFile } from "../../storage/web_file.js";
import { decodeVideo } from "../../video/index.js";
import type { Clip, DecodeFunction, OpenVideo } from "../../video/types.js";
import type { InputItem } from "../inputs/input_item.js";
import { isListName } from "../inputs/input_list.js";
import type { Omissions } from "../inputs/omissions.js";
import { sourceFacts, withContent } from "../source_facts.js";
import { readAhead } from "./read_ahead.js";
import { remoteItem, s3Address, videoFault } from "./remote_item.js";
import { searchBucket, sourceOf } from "./search_bucket.js";
import { Spool, type SpoolPlace } from "./spool.js";

/** How videos at `s3://` and `https://` addresses are reached, and where they wait while they are decoded. */
export interface StorageOptions {
  /** Folder for downloaded videos, which are removed as soon as they are decoded. Default: the system's for temporary files. */
  spool?: string | undefined;
  /** Maximum bytes in it; downloads wait while it is full. Default 10 GB. */
  spoolBytes?: number | undefined;
  /** Address of an S3-compatible server. Default: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the profile, then AWS. */
  s3Endpoint?: string | undefined;
  /** Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile, then us-east-1. */
  s3Region?: string | undefined;
  /** Whether the bucket is a part of the server's name. Default: with AWS only. */
  s3VirtualHost?: boolean | undefined;
  /** A client for `s3://` addresses in the place of this package's own: one for all buckets, or by the bucket's name. */
  objectStore?: ObjectStore | ((bucket: string) => ObjectStore) | undefined;
  /** How often requests are made again. */
  requests?: RetryOptions | undefined;
}

/** Bytes of the spool if nothing is said. */
const SPOOL_BYTES = 10e9;
/** Requests at a time for facts about objects. */
const QUESTIONS = 32;
/** Times that the space of a download is reserved again, because its size was another one. */
const SIZES = 3;

interface Spooled {
  place: SpoolPlace;
  facts: SourceFacts;
}

/**
 * The videos of an extraction, wherever they are: files are opened in place, objects and files of the web are
 * downloaded into a bounded spool while earlier ones are decoded, and removed when they end.
 */
export class VideoSources {
  readonly #spool: Spool;
  readonly #stores = new Map<string, ObjectStore>();
  /** Downloaded videos that are not opened yet, by path. */
  readonly #files = new Map<string, Spooled>();
  /** Facts about objects in work, until their records are written. */
  readonly #facts = new Map<string, SourceFacts>();

  /** @param open the function that opens a file */
  constructor(
    readonly options: StorageOptions & { decoders?: number | undefined; hash?: boolean | undefined } = {},
    readonly open: DecodeFunction = decodeVideo,
  ) {
    const { spool, spoolBytes = SPOOL_BYTES } = options;
    if (!(spoolBytes > 0)) {
      throw new InvalidArgumentError(`spoolBytes: expected a number of bytes above 0, received ${spoolBytes}`, {
        argument: "spoolBytes",
        received: spoolBytes,
      });
    }
    this.#spool = new Spool(spool, spoolBytes);
  }

  /** @throws InvalidArgumentError, StorageError */
  store(bucket: string): ObjectStore {
    const { objectStore, s3Endpoint: endpoint, s3Region: region, s3VirtualHost: virtualHost, requests } = this.options;
    let store = this.#stores.get(bucket);
    if (!store) {
      if (typeof objectStore === "function") store = objectStore(bucket);
      else store = objectStore ?? new S3Store(bucket, { endpoint, region, virtualHost, retry: requests });
      this.#stores.set(bucket, store);
    }
    return store;
  }

  /**
   * The videos at an address: an object, a file on the web, or all below a prefix.
   * @throws InvalidArgumentError; StorageError
   */
  async find(address: string, omitted: Omissions, signal?: AbortSignal): Promise<InputItem[]> {
    const s3 = s3Address(address);
    if (!s3) return [remoteItem(address)];
    const { bucket, key } = s3;
    if (isListName(key)) throw new InvalidArgumentError(`inputs: ${address} is a list, and lists are read from this machine: download it first`, { argument: "inputs", received: address }); // prettier-ignore
    if (key !== "" && !key.endsWith("/") && isMediaName(key)) return [remoteItem(address)];
    const search = (prefix: string) => this.#asked(address, searchBucket(this.store(bucket), bucket, prefix, omitted, signal), signal); // prettier-ignore
    if (key === "" || key.endsWith("/")) return search(key);
    const folder = await search(`${key}/`);
    if (folder.length > 0) return folder;
    const facts = await this.#asked(address, this.store(bucket).head(key, { signal }), signal);
    return facts ? [{ ...remoteItem(address), source: sourceOf(facts) }] : [];
  }

  /** The result of a store, which may be one of the caller. */
  async #asked<T>(address: string, work: Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      return await work;
    } catch (cause) {
      signal?.throwIfAborted();
      const error = cause instanceof VideoError ? cause : storageErrorOf(address, cause);
      throw error instanceof StorageError ? new StorageError("unavailable", error.message, { ...error.details, cause }) : error; // prettier-ignore
    }
  }

  /**
   * Facts about the sources of items, in their order; several objects are asked about at a time. Facts are undefined
   * for a source that does not exist or cannot say.
   * @param wanted whether the facts of an object are worth a request; default: all
   */
  async *factsOf(
    items: Iterable<InputItem>,
    wanted: (item: InputItem) => boolean,
    signal?: AbortSignal,
  ): AsyncGenerator<{ item: InputItem; facts: SourceFacts | undefined }> {
    const waiting: { item: InputItem; facts: Promise<SourceFacts | undefined> }[] = [];
    const next = async () => {
      const { item, facts } = waiting.shift()!;
      return { item, facts: await facts };
    };
    for (const item of items) {
      signal?.throwIfAborted();
      const facts = this.#factsNow(item, wanted, signal);
      facts.catch(() => {}); // awaited in its turn
      waiting.push({ item, facts });
      if (waiting.length >= QUESTIONS) yield next();
    }
    while (waiting.length > 0) yield next();
  }

  async #factsNow(item: InputItem, wanted: (item: InputItem) => boolean, signal?: AbortSignal) {
    if (item.error) return undefined;
    if (!isRemote(item.path)) return sourceFacts(item.path);
    if (item.source || !wanted(item)) return item.source;
    try {
      return await this.#ask(item, signal);
    } catch (error) {
      if (videoFault(item.path, error)) return undefined;
      throw error;
    }
  }

  /** Asks a server about an object. @returns undefined if its size is unknown @throws StorageError */
  async #ask({ path, address = path }: InputItem, signal?: AbortSignal): Promise<SourceFacts | undefined> {
    const s3 = s3Address(path);
    if (!s3) {
      const { bytes, ...facts } = await new WebFile(address, this.options.requests).facts({ signal });
      return bytes === undefined ? undefined : sourceOf({ bytes, ...facts });
    }
    let facts: ObjectFacts | undefined;
    try {
      facts = await this.store(s3.bucket).head(s3.key, { signal });
    } catch (cause) {
      signal?.throwIfAborted();
      throw storageErrorOf(path, cause);
    }
    if (!facts) throw new StorageError("missing", `${path}: there is no such object: check its key`, { file: path });
    return sourceOf(facts);
  }

  /** Facts about the source of a video in work. */
  facts(path: string): Promise<SourceFacts | undefined> {
    return isRemote(path) ? Promise.resolve(this.#facts.get(path)) : sourceFacts(path);
  }

  /** As `withContent`; the content of an object has gone, and its facts are complete. */
  withContent(path: string, facts: SourceFacts, whole: boolean): Promise<SourceFacts> {
    return isRemote(path) ? Promise.resolve(facts) : withContent(path, facts, whole);
  }

  /** Forgets a video whose record is written. */
  forget(path: string): void {
    this.#facts.delete(path);
  }

  /**
   * Items whose files are on this machine: objects are downloaded in advance, as many as there are decoders and one
   * more. An object that cannot be read is an item with its error.
   * @throws errors of `items`; the signal's reason
   */
  ahead(items: Iterable<InputItem> | AsyncIterable<InputItem>, signal?: AbortSignal): AsyncGenerator<InputItem> {
    const { decoders = 2 } = this.options;
    return readAhead(items, {
      ahead: decoders + 1,
      needs: ({ path, error }) => !error && isRemote(path),
      prepare: async (item, stopped) => {
        const stop = new AbortController();
        const unfollow = [followSignal(stop, signal), followSignal(stop, stopped)];
        try {
          return await this.#prepare(item, stop.signal);
        } finally {
          for (const end of unfollow) end();
        }
      },
      drop: ({ path }) => this.#drop(path),
    });
  }

  async #prepare(item: InputItem, signal: AbortSignal): Promise<InputItem> {
    const { path } = item;
    try {
      this.#files.set(path, await this.#fetch(item, signal));
      return item;
    } catch (cause) {
      signal.throwIfAborted();
      const error = videoFault(path, cause) ?? cause;
      if (error instanceof VideoClipError) return { ...item, error };
      throw error;
    }
  }

  async #fetch(item: InputItem, signal: AbortSignal): Promise<Spooled> {
    const { path } = item;
    const { hash, requests: retry } = this.options;
    const { capacity } = this.#spool;
    const name = fileNameOf(path);
    let known = item.source ?? (await this.#ask(item, signal));
    if (known) this.#facts.set(path, known);
    let size = known?.bytes;
    for (let round = 1; ; round++) {
      if (size !== undefined && size > capacity) throw this.#tooLarge(path, size);
      // a file of unknown size waits until it may have all the space, so that two of them cannot block each other
      const place = await this.#spool.reserve(size ?? capacity, isMediaName(name) ? endingOf(name) : "", signal);
      try {
        const got = await download(this.#sourceOf(item), place.path, { limit: place.bytes, hash, retry, signal });
        place.shrink(got.bytes);
        const facts = factsFrom(known, got);
        this.#facts.set(path, facts);
        return { place, facts };
      } catch (error) {
        place.release();
        if (!(error instanceof TooLarge)) throw error;
        if (error.bytes >= capacity || round >= SIZES) throw this.#tooLarge(path, error.bytes);
        // it has grown, or is larger than its compressed form
        [size, known] = [error.bytes > (size ?? 0) ? error.bytes : undefined, undefined];
      }
    }
  }

  #tooLarge(path: string, bytes: number): VideoError {
    const message =
      `${path}: it has ${bytes} bytes or more, and the spool holds at most ${this.#spool.capacity}: ` +
      "raise --spool-bytes (spoolBytes)";
    return new VideoError("ERR_VIDEO_UNREADABLE", message, { file: path });
  }

  #sourceOf({ path, address = path }: InputItem): DownloadSource {
    const s3 = s3Address(path);
    if (!s3) return new WebFile(address, this.options.requests);
    const store = this.store(s3.bucket);
    return { address: path, get: (options) => store.get(s3.key, options) };
  }

  /** Opens a video: a file in place, or the downloaded copy of an object, which is removed when it is closed. */
  readonly decode: DecodeFunction = async (path, options) => {
    const file = this.#files.get(path);
    if (!file) return this.open(path, options);
    this.#files.delete(path);
    const { place } = file;
    try {
      return new SpooledVideo(path, place, await this.open(place.path, options));
    } catch (error) {
      place.release();
      throw withAddress(error, place.path, path);
    }
  };

  #drop(path: string): void {
    this.#files.get(path)?.place.release();
    this.#files.delete(path);
  }

  /** Removes the spool. */
  dispose(): void {
    this.#files.clear();
    this.#spool.dispose();
  }
}

/** The facts of a listing if it was this object, because they have the size in the store; else those of the download. */
function factsFrom(known: SourceFacts | undefined, { bytes, modified, etag, sha256 }: Downloaded): SourceFacts {
  const isKnown = known && (known.etag === undefined ? known.bytes === bytes : known.etag === etag);
  const facts = isKnown ? known : sourceOf({ bytes, modified, etag });
  return { ...facts, ...(sha256 === undefined ? {} : { sha256 }) };
}

/** The downloaded copy of a video, under the address of the video. */
class SpooledVideo implements OpenVideo {
  constructor(
    readonly path: string,
    readonly place: SpoolPlace,
    readonly video: OpenVideo,
  ) {}

  get info(): OpenVideo["info"] {
    return { ...this.video.info, path: this.path };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Clip> {
    try {
      yield* this.video;
    } catch (error) {
      throw withAddress(error, this.place.path, this.path);
    }
  }

  async close(): Promise<void> {
    try {
      await this.video.close();
    } finally {
      this.place.release();
    }
  }
}

function withAddress(error: unknown, local: string, path: string): unknown {
  if (!(error instanceof VideoError)) return error;
  return new VideoError(error.code, error.message.replaceAll(local, path), { ...error.details, file: path });
}
