import zlib from "node:zlib"; // a default import: webpack makes imports of the names of a namespace, and not every Node has zstd
import { type AsyncBuffer, type Compressors, type FileMetaData, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet"; // prettier-ignore
import { DatasetError, VideoClipError } from "../../base/errors.js";
import { parseJson } from "../../base/parse_json.js";
import { ByteFile } from "../../weights/byte_file.js";
import type { ExtractedFeatures, ReadFeatures, VideoFeatureFile } from "../extracted_features.js";

/** Names of columns, of which the first that a file has is taken. */
const COLUMNS = { path: ["path", "video", "video_path"], feature: ["feature", "embedding", "vector"] };
/** Bytes of the features of a row group, which is read as a whole, at most. */
const MAX_GROUP_BYTES = 2 ** 30;

/** A function of zlib that Node has from 22.15 on. */
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array };
const compressors: Compressors = {
  GZIP: (bytes) => zlib.gunzipSync(bytes),
  BROTLI: (bytes) => zlib.brotliDecompressSync(bytes),
  ...(zstdDecompressSync ? { ZSTD: (bytes: Uint8Array) => zstdDecompressSync(bytes) } : {}),
};

/**
 * Finds the features in a Parquet file with a row for each clip: columns `path` (or `video`), `feature` (or `embedding`
 * or `vector`: a list of floats), and `start` and `end` in seconds, which may be missing. The rows of a video are
 * consecutive and in time order. Features are read by row groups when they are needed.
 * @throws DatasetError `ERR_FEATURES` when the file is not such a file
 */
export async function readFeatureParquet(path: string): Promise<ExtractedFeatures> {
  return guarded(path, async () => {
    const file = new FeatureParquet(path, await parquetMetadataAsync(bufferOf(path)));
    return { files: await file.videos(), broken: [], settings: file.settings() };
  });
}

/** The bytes of a file for the reader, which asks for few and large ranges: it is opened for each of them. */
function bufferOf(path: string): AsyncBuffer {
  const use = async <T>(work: (file: ByteFile) => T | Promise<T>): Promise<T> => {
    const file = new ByteFile(path);
    try {
      return await work(file);
    } finally {
      file.close();
    }
  };
  const file = new ByteFile(path);
  const { size } = file;
  file.close();
  return {
    byteLength: size,
    slice: (start, end = size) =>
      use(async (source) => {
        const bytes = await source.readAsync(start, end - start);
        return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
      }),
  };
}

/** Errors of the reader, and of files that it cannot read, with the path. */
async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    const reason = cause instanceof VideoClipError ? cause.message : `${path}: it cannot be read as Parquet (${(cause as Error).message})`; // prettier-ignore
    throw new DatasetError("ERR_FEATURES", reason, { file: path, cause });
  }
}

class FeatureParquet {
  readonly #file: AsyncBuffer;
  readonly #columns: { path: string; feature: string; times: boolean };
  /** First row of each row group, and the number of rows. */
  readonly #starts: number[] = [0];
  /** The row group that was read last. */
  #group: { index: number; rows: readonly Record<string, unknown>[] } | undefined;

  constructor(
    readonly path: string,
    readonly metadata: FileMetaData,
  ) {
    this.#file = bufferOf(path);
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    const find = (kind: keyof typeof COLUMNS) => {
      const found = COLUMNS[kind].find((name) => names.includes(name));
      if (found !== undefined) return found;
      throw this.#fail(`it has no column ${COLUMNS[kind].join(", ")}; its columns are ${names.join(", ")}`);
    };
    this.#columns = {
      path: find("path"),
      feature: find("feature"),
      times: names.includes("start") && names.includes("end"),
    };
    for (const { columns, num_rows: rows } of metadata.row_groups) {
      this.#starts.push(this.#starts.at(-1)! + Number(rows));
      const features = columns.filter(({ meta_data: facts }) => facts?.path_in_schema[0] === this.#columns.feature);
      const bytes = features.reduce(
        (sum, { meta_data: facts }) => sum + Number(facts?.total_uncompressed_size ?? 0),
        0,
      );
      if (bytes > MAX_GROUP_BYTES) {
        throw this.#fail(`a row group has ${bytes} bytes of features, and at most ${MAX_GROUP_BYTES} are read: write it with fewer rows in a row group`); // prettier-ignore
      }
    }
  }

  /** The settings of an export of this package; empty in other files. */
  settings(): Record<string, unknown> {
    const text = this.metadata.key_value_metadata?.find(({ key }) => key === "videoclip")?.value;
    if (text === undefined) return {};
    const { settings } = parseJson(text) as { settings?: unknown };
    return typeof settings === "object" && settings !== null ? (settings as Record<string, unknown>) : {};
  }

  /** The videos in the order of their rows. @throws DatasetError when the rows of one are apart */
  async videos(): Promise<VideoFeatureFile[]> {
    const { path: name, times } = this.#columns;
    const columns = [name, ...(times ? ["start", "end"] : [])];
    const videos: { video: string; first: number; spans: (number | undefined)[] }[] = [];
    for (let group = 0; group + 1 < this.#starts.length; group++) {
      const [rowStart, rowEnd] = [this.#starts[group], this.#starts[group + 1]];
      const rows = await parquetReadObjects({ ...this.#reading(), columns, rowStart, rowEnd });
      for (const [i, row] of rows.entries()) {
        const video: unknown = row[name];
        if (typeof video !== "string" || video === "") throw this.#fail(`row ${rowStart + i} has no ${name}`);
        if (videos.at(-1)?.video !== video) videos.push({ video, first: rowStart + i, spans: [] });
        videos.at(-1)!.spans.push(row.start as number | undefined, row.end as number | undefined);
      }
    }
    const known = new Set<string>();
    for (const { video, first } of videos) {
      if (known.has(video)) throw this.#fail(`the rows of ${video} are not consecutive (row ${first}): sort them`);
      known.add(video);
    }
    return videos.map(({ video, first, spans }) => this.#videoOf(video, first, spans));
  }

  #videoOf(video: string, first: number, spans: readonly (number | undefined)[]): VideoFeatureFile {
    const clips = spans.length / 2;
    // half of the memory of a list of pairs
    const times = spans.every((value) => Number.isFinite(value)) ? Float64Array.from(spans as number[]) : undefined;
    const timestamps = () =>
      times && Array.from({ length: clips }, (_, i): [number, number] => [times[2 * i], times[2 * i + 1]]);
    return {
      video,
      file: this.path,
      get timestamps() {
        return timestamps();
      },
      load: () => guarded(this.path, () => this.#load(first, clips, timestamps())),
    };
  }

  /** The features of consecutive rows, which may be in several row groups. */
  async #load(first: number, clips: number, timestamps: ReadFeatures["timestamps"]): Promise<ReadFeatures> {
    let data: Float32Array | undefined;
    let dim = 0;
    for (let i = 0; i < clips; i++) {
      const row = await this.#row(first + i);
      if (!data) {
        dim = row.length;
        data = new Float32Array(clips * dim);
      }
      if (row.length !== dim || dim === 0) throw this.#fail(`row ${first + i} has ${row.length} values, others ${dim}`);
      for (let j = 0; j < dim; j++) {
        const value = row[j];
        if (typeof value !== "number" || !Number.isFinite(value))
          throw this.#fail(`row ${first + i}, column ${j} is ${String(value)}`, "ERR_BAD_FEATURES");
        data[i * dim + j] = value;
      }
    }
    return { data: data!, shape: [clips, dim], timestamps };
  }

  async #row(row: number): Promise<ArrayLike<unknown>> {
    let index = this.#group?.index ?? 0;
    if (!(row >= this.#starts[index] && row < this.#starts[index + 1]))
      index = this.#starts.findIndex((start, i) => row >= start && row < this.#starts[i + 1]);
    if (this.#group?.index !== index) {
      this.#group = undefined; // frees its memory before the next one is read
      const [rowStart, rowEnd] = [this.#starts[index], this.#starts[index + 1]];
      const columns = [this.#columns.feature];
      this.#group = { index, rows: await parquetReadObjects({ ...this.#reading(), columns, rowStart, rowEnd }) };
    }
    const values: unknown = this.#group.rows[row - this.#starts[index]][this.#columns.feature];
    if (Array.isArray(values) || ArrayBuffer.isView(values)) return values as ArrayLike<unknown>;
    throw this.#fail(`row ${row}: its ${this.#columns.feature} is no list of numbers`);
  }

  #reading() {
    return { file: this.#file, metadata: this.metadata, compressors };
  }

  #fail(message: string, code: "ERR_FEATURES" | "ERR_BAD_FEATURES" = "ERR_FEATURES"): DatasetError {
    return new DatasetError(code, `${this.path}: ${message}`, { file: this.path });
  }
}
