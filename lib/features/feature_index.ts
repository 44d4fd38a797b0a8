/// <reference lib="esnext.disposable" preserve="true" />
import { createDevice, type Device } from "../runtime/device.js";
import { DisposedError, InvalidArgumentError } from "../base/errors.js";
import { IndexFiles } from "./index_files.js";
import {
  IndexError,
  type IndexManifest,
  type IndexSettings,
  type RowDType,
  type TextEncoderInfo,
} from "./index_format.js";
import { IndexRows, type RowRange } from "./index_rows.js";
import { type IndexedVideo, IndexWriter } from "./index_writer.js";
import { type WriteOptions, writeVideos } from "./write_videos.js";
import { type Hits, hitsOf, type SearchHit } from "./search_hits.js";
import { halfValues } from "../base/half_floats.js";
import { isArrayOf } from "../base/typed_arrays.js";

export interface CreateIndexOptions {
  /** Width of a row. */
  dim: number;
  /** Storage type of rows; scores are computed in f32. Default `f16`. */
  dtype?: RowDType | undefined;
  /** Origin of the rows; `append` can be checked against it. */
  settings?: IndexSettings | undefined;
  /** The model that embeds texts into the same space. */
  text?: TextEncoderInfo | null | undefined;
}

export interface OpenIndexOptions {
  /** Compute threads. Default: the cores this process may use. */
  threads?: number | undefined;
  /**
   * Read rows from the mapped file (default), or copy them into memory first (`false`, and for files that cannot be
   * mapped).
   */
  map?: boolean | undefined;
  /** Called with a sentence about writing, such as that a dead process holds the lock. Default: a warning. */
  onNote?: ((note: string) => void) | undefined;
  /** Bytes of rows per run of the kernel. For tests. @internal */
  chunkBytes?: number | undefined;
}

export interface AppendOptions {
  /** Replace the rows of a video that the index already has. Default: refuse it. */
  replace?: boolean | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: { videos: number; rows: number }) => void) | undefined;
}

/** Options of all searches. */
export interface SearchBase {
  /** Hits per query. Default 10. */
  top?: number | undefined;
  /** Search only the videos for which this returns true. */
  filter?: ((video: string) => boolean) | undefined;
  signal?: AbortSignal | undefined;
}
/** One query, f32 `[dim]`. */
export type SearchVectorOptions = SearchBase & { vector: Float32Array };
/** Many queries, f32 `[queries, dim]`. */
export type SearchVectorsOptions = SearchBase & { vectors: Float32Array };

/** The score of every row of one video, in its order. */
export interface SimilarityOverTime {
  spans: { start: number; end: number }[];
  scores: Float32Array;
}

/** The open files, and the number of searches that use them. An append opens the files again. */
interface Opened {
  files: IndexFiles;
  rows: IndexRows;
  users: number;
  retired: boolean;
}

/**
 * Rows of many videos in a folder, with exact search by dot product. Opening reads no rows: the file is mapped, and the
 * system reads rows during a query. An open index shows the state at the time of opening, and its later appends.
 */
export class FeatureIndex {
  readonly folder: string;
  #device: Device;
  #options: OpenIndexOptions;
  #open?: Opened;

  private constructor(folder: string, device: Device, options: OpenIndexOptions) {
    this.folder = folder;
    this.#device = device;
    this.#options = options;
    this.#load();
  }

  /** Makes an empty index in a folder and opens it. @throws InvalidArgumentError when the folder already has one */
  static async create(folder: string, options: CreateIndexOptions & OpenIndexOptions): Promise<FeatureIndex> {
    const { dim, dtype = "f16", settings = {}, text = null } = options;
    if (!Number.isInteger(dim) || dim < 1 || dim > 1 << 20) {
      throw new InvalidArgumentError(`dim: expected 1 to ${1 << 20}, received ${dim}`, { argument: "dim" });
    }
    if (dtype !== "f16" && dtype !== "f32") {
      throw new InvalidArgumentError(`dtype: expected f16 or f32, received ${String(dtype)}`, { argument: "dtype" });
    }
    await IndexWriter.create(folder, { dim, dtype, settings, text }, { onNote: options.onNote });
    return FeatureIndex.open(folder, options);
  }

  /** @throws IndexError when the folder has no index, or files that are truncated, foreign or inconsistent */
  static async open(folder: string, { threads, ...options }: OpenIndexOptions = {}): Promise<FeatureIndex> {
    const device = createDevice({ device: "cpu", threads });
    try {
      return new FeatureIndex(folder, device, options);
    } catch (error) {
      device.dispose();
      throw error;
    }
  }

  #load(): void {
    const files = IndexFiles.open(this.folder);
    try {
      const rows = new IndexRows(this.#device, files, this.#options);
      this.#close();
      this.#open = { files, rows, users: 0, retired: false };
    } catch (error) {
      files.close();
      throw error;
    }
  }

  get #state() {
    if (!this.#open) throw new DisposedError("This index");
    return this.#open;
  }

  get manifest(): Readonly<IndexManifest> {
    return this.#state.files.manifest;
  }
  get dim(): number {
    return this.manifest.dim;
  }
  get dtype(): RowDType {
    return this.manifest.dtype;
  }
  /** Number of rows. */
  get size(): number {
    return this.manifest.rows;
  }
  get settings(): IndexSettings {
    return this.manifest.settings;
  }
  get text(): TextEncoderInfo | null {
    return this.manifest.text;
  }
  /** Whether rows are read from the mapped file. */
  get mapped(): boolean {
    return this.#state.rows.mapped;
  }

  /** Names of all videos, in order. */
  videos(): readonly string[] {
    return this.#state.files.names();
  }

  /**
   * Adds videos. They are durable a few seconds after they were added and at the end. If this throws or is aborted, the
   * earlier ones stay. If videos are replaced, everything is saved at the end in one step.
   * @returns number of added videos
   * @throws InvalidArgumentError for rows that do not fit or while another process writes; IndexError; `signal.reason`
   */
  async append(
    videos: Iterable<IndexedVideo> | AsyncIterable<IndexedVideo>,
    { replace = false, signal, onProgress }: AppendOptions = {},
  ): Promise<number> {
    return this.write(videos, { replace, signal, onProgress });
  }

  /** As {@link append}, with what the command `index` needs. @internal */
  async write(videos: Iterable<IndexedVideo> | AsyncIterable<IndexedVideo>, options: WriteOptions): Promise<number> {
    options.signal?.throwIfAborted();
    const { id } = this.manifest;
    const waiting = { signal: options.signal, onNote: this.#options.onNote };
    const writer = await IndexWriter.open(this.folder, waiting, options.fresh);
    try {
      if (writer.manifest.id !== id)
        throw new IndexError(this.folder, "the index was replaced by another one since it was opened");
      return await writeVideos(writer, videos, options);
    } finally {
      writer.close();
      if (writer.discarded) this.dispose();
      else this.#load();
    }
  }

  /**
   * Records the current path of the model that embeds texts into the space of the rows. @throws InvalidArgumentError
   */
  setText(text: TextEncoderInfo | null): void {
    if (JSON.stringify(text) === JSON.stringify(this.text)) return;
    const writer = IndexWriter.openNow(this.folder);
    try {
      writer.setText(text);
      writer.commit();
    } finally {
      writer.close();
      this.#load();
    }
  }

  /**
   * Removes videos by rewriting the index. @returns number of removed videos @throws InvalidArgumentError, IndexError
   */
  async remove(videos: Iterable<string>): Promise<number> {
    void this.#state;
    const writer = await IndexWriter.open(this.folder, { onNote: this.#options.onNote });
    let removed = 0;
    try {
      for (const video of videos) if (writer.remove(video)) removed++;
      if (removed > 0) writer.commit();
    } finally {
      writer.close();
      this.#load();
    }
    return removed;
  }

  /**
   * The rows with the largest dot products with a query (or each of several), best first; equal scores by rising row.
   * Exact.
   * @throws InvalidArgumentError; IndexError when a file was truncated; `signal.reason`
   */
  async search(options: SearchVectorOptions): Promise<SearchHit[]>;
  async search(options: SearchVectorsOptions): Promise<SearchHit[][]>;
  async search(options: SearchVectorOptions | SearchVectorsOptions): Promise<SearchHit[] | SearchHit[][]> {
    const hits = await this.#find(options, (each) => [...each]);
    return "vector" in options ? hits[0] : hits;
  }

  /** As {@link search}, with hits whose records are read when they are asked for, while the index is open. @internal */
  async find(options: SearchVectorOptions | SearchVectorsOptions): Promise<Hits[]> {
    return this.#find(options, (each) => each);
  }

  /** @param read runs while the files that were searched are open: an append may replace them meanwhile */
  async #find<T>(options: SearchVectorOptions | SearchVectorsOptions, read: (hits: Hits) => T): Promise<T[]> {
    const { top = 10, filter, signal } = options;
    const [argument, queries] =
      "vector" in options ? (["vector", options.vector] as const) : (["vectors", options.vectors] as const);
    this.#checkQueries(argument, queries, "vector" in options ? 1 : undefined);
    if (!Number.isInteger(top) || top < 1) {
      throw new InvalidArgumentError(`top: expected a positive integer, received ${top}`, { argument: "top" });
    }
    signal?.throwIfAborted();
    return this.#use(async ({ files, rows }) => {
      const k = Math.min(top, rows.count);
      const ranked = filter
        ? await rows.searchRanges(queries, matching(files, filter), k, signal)
        : await rows.search(queries, k, signal);
      return ranked.map((ranks) => read(hitsOf(files, ranks)));
    });
  }

  /**
   * The scores of a video's rows against a query, in the order of time. @throws InvalidArgumentError for an unknown
   * video
   */
  async similarityOverTime(
    vector: Float32Array,
    video: string,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<SimilarityOverTime> {
    this.#checkQueries("vector", vector, 1);
    signal?.throwIfAborted();
    return this.#use(async ({ files, rows }) => {
      const index = files.numberOf(video);
      const { first, rows: count } = files.video(index);
      const scores = await rows.scores(vector, { first, count }, signal);
      return { spans: files.spansOf(index).map(({ start, end }) => ({ start, end })), scores };
    });
  }

  /**
   * The rows of a video, f32 `[rows, dim]`, and their spans, in the order of time. A row is also a query: it finds
   * what is like this part of the video. @throws InvalidArgumentError for an unknown video
   */
  async rowsOf(video: string): Promise<{ spans: { start: number; end: number }[]; rows: Float32Array }> {
    return this.#use(async ({ files, rows }) => {
      const index = files.numberOf(video);
      const { first, rows: count } = files.video(index);
      const values = floats(rows.gather([{ first, count }]));
      return { spans: files.spansOf(index).map(({ start, end }) => ({ start, end })), rows: values };
    });
  }

  /**
   * The row of a video whose middle is next to a time in seconds, f32 `[dim]`, and its span; undefined for a video without rows.
   * @throws InvalidArgumentError for an unknown video @internal
   */
  async rowNextTo(video: string, time: number) {
    return this.#use(async ({ files, rows }) => {
      const index = files.numberOf(video);
      const spans = files.spansOf(index).map(({ start, end }) => ({ start, end }));
      if (spans.length === 0) return undefined;
      const distances = spans.map(({ start, end }) => Math.abs((start + end) / 2 - time));
      const nearest = distances.reduce((best, distance, i) => (distance < distances[best] ? i : best), 0);
      const row = floats(rows.gather([{ first: files.video(index).first + nearest, count: 1 }]));
      return { span: spans[nearest], row };
    });
  }

  /** At most `count` rows, evenly spaced: f32 `[rows, dim]`. @internal */
  async sampleRows(count: number): Promise<Float32Array> {
    return this.#use(async ({ rows }) => {
      const taken = Math.min(count, rows.count);
      const first = (i: number) => Math.floor((i * rows.count) / taken);
      return floats(rows.gather(Array.from({ length: taken }, (_, i) => ({ first: first(i), count: 1 }))));
    });
  }

  /** The end of the last row of each video in the order of `videos()`, in seconds. @throws IndexError @internal */
  async ends(): Promise<Float64Array> {
    return this.#use(({ files }) => files.ends());
  }

  /** Runs `work` on the open files, which stay open until it has ended. */
  async #use<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    const opened = this.#state;
    opened.files.checkSizes();
    opened.users++;
    try {
      return await work(opened);
    } finally {
      opened.users--;
      closeUnused(opened);
    }
  }

  #checkQueries(argument: string, queries: Float32Array, count?: number): void {
    const { dim } = this;
    const expected = count === undefined ? `rows of ${dim} values` : `${dim} values`;
    const fits = isArrayOf("Float32Array", queries) && queries.length % dim === 0 && queries.length > 0;
    if (!fits || (count !== undefined && queries.length !== count * dim)) {
      const received = isArrayOf("Float32Array", queries) ? `${queries.length} values` : String(queries);
      throw new InvalidArgumentError(`${argument}: expected a Float32Array of ${expected}, received ${received}`, {
        argument,
        expected: dim,
        received: queries?.length,
      });
    }
    if (!queries.every(Number.isFinite)) {
      throw new InvalidArgumentError(`${argument}: expected finite values`, { argument });
    }
  }

  #close(): void {
    if (!this.#open) return;
    this.#open.retired = true;
    closeUnused(this.#open);
    this.#open = undefined;
  }

  /** Closes the files and frees the device. A second call does nothing. */
  dispose(): void {
    this.#close();
    this.#device.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function closeUnused({ files, rows, users, retired }: Opened): void {
  if (!retired || users > 0) return;
  rows.dispose();
  files.close();
}

/** The rows of videos whose name the filter accepts. */
function matching(files: IndexFiles, filter: (video: string) => boolean): RowRange[] {
  const names = files.names();
  return files.videos().flatMap(({ first, rows: count }, i) => (filter(names[i]) ? [{ first, count }] : []));
}

function floats(halves: Float32Array | Uint16Array): Float32Array {
  if (halves instanceof Float32Array) return halves;
  const table = halfValues();
  const values = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) values[i] = table[halves[i]];
  return values;
}
