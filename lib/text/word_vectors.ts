import { existsSync } from "node:fs";
import { InvalidArgumentError, WeightsError } from "../base/errors.js";
import { Random } from "../base/random.js";
import { ByteQueue } from "./byte_queue.js";

/** Vectors of words, as GloVe (Pennington et al. 2014) and word2vec (Mikolov et al. 2013, arXiv 1310.4546) publish them. */
export interface WordVectors {
  words: string[];
  dim: number;
  /** f32 `[words, dim]`, row-major. */
  data: Float32Array;
  /** Row of each word. */
  rows: Map<string, number>;
  /** Number of repeated words, which were left out. */
  duplicates: number;
}

export interface WordVectorsOptions {
  /**
   * `text`: a word and its numbers on each line, after a line `<words> <dim>` (word2vec) or without it (GloVe).
   * `binary`: word2vec's, that line and then each word with a space and f32 values. Default `auto`: by content. Either
   * may be compressed with gzip.
   */
  format?: "auto" | "text" | "binary" | undefined;
  /** Maximum number of words to read; published files are ordered by frequency. Default: all. */
  limit?: number | undefined;
  /** Keep only these words. */
  words?: Iterable<string> | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: { words: number; bytes: number }) => void) | undefined;
}

/** Longest line or word, which bounds the memory for a file of another kind. */
const LONGEST_LINE = 1 << 20;
const LONGEST_WORD = 4096;
const SPACE = 0x20;
const NEWLINE = 0x0a;

/** Rows that grow by doubling, since a header's count is not trusted. */
class Rows {
  readonly words: string[] = [];
  readonly rows = new Map<string, number>();
  duplicates = 0;
  /** Number of words read, kept or not. */
  read = 0;
  #data: Float32Array;

  constructor(
    readonly dim: number,
    readonly kept?: ReadonlySet<string>,
  ) {
    this.#data = new Float32Array(256 * dim);
  }

  add(word: string, values: (out: Float32Array) => void): void {
    this.read++;
    if (this.kept && !this.kept.has(word)) return;
    if (this.rows.has(word)) {
      this.duplicates++;
      return;
    }
    const row = this.words.push(word) - 1;
    this.rows.set(word, row);
    if ((row + 1) * this.dim > this.#data.length) {
      const larger = new Float32Array(2 * this.#data.length);
      larger.set(this.#data);
      this.#data = larger;
    }
    values(this.#data.subarray(row * this.dim, (row + 1) * this.dim));
  }

  finish(): WordVectors {
    const { words, dim, rows, duplicates } = this;
    return { words, dim, data: this.#data.slice(0, words.length * dim), rows, duplicates };
  }
}

/** The numbers of a line; the word before them may contain spaces (GloVe's 840B file has such words). */
function splitLine(line: Buffer, dim: number): { word: string; numbers: string[] } | undefined {
  const fields = line
    .toString("latin1")
    .replace(/[ \r\n]+$/, "")
    .split(" ");
  if (fields.length < dim + 1) return undefined;
  const numbers = fields.splice(fields.length - dim);
  return { word: Buffer.from(fields.join(" "), "latin1").toString("utf8"), numbers };
}

const isNumber = (text: string) => /^[-+]?(\d|\.\d|nan|inf)/i.test(text) && !Number.isNaN(Number(text));

/**
 * Reads word vectors, a part of the file at a time.
 * @throws WeightsError with the line or byte for an invalid file, or one that ends early
 */
export async function loadWordVectors(path: string, options: WordVectorsOptions = {}): Promise<WordVectors> {
  const { format = "auto", limit = Number.POSITIVE_INFINITY, words, signal, onProgress } = options;
  if (!["auto", "text", "binary"].includes(format)) {
    throw new InvalidArgumentError(`format: expected auto, text or binary, received ${String(format)}`, {
      argument: "format",
    });
  }
  if (!(limit >= 1)) throw new InvalidArgumentError(`limit: expected at least 1, received ${limit}`);
  if (!existsSync(path)) throw new WeightsError(`${path}: there is no such file`, { file: path });
  signal?.throwIfAborted();
  const fail = (text: string, details = {}) => new WeightsError(`${path}: ${text}`, { file: path, ...details });
  const bytes = new ByteQueue(path, signal);
  try {
    const first = (await bytes.peek(LONGEST_LINE)).subarray(0);
    const end = first.indexOf(NEWLINE);
    const line = first.subarray(0, end < 0 ? first.length : end);
    const header = /^(\d+) (\d+)\s*$/.exec(line.toString("latin1"));
    const fields = line.toString("latin1").trimEnd().split(" ");
    let dim = header ? Number(header[2]) : 0;
    if (header) await bytes.take(end + 1);
    else {
      // GloVe: a word, which may contain spaces, and numbers; dim extends to the leftmost number at the end of the
      // first line
      while (dim < fields.length - 1 && isNumber(fields[fields.length - 1 - dim])) dim++;
    }
    if (!(dim >= 1 && dim <= 1 << 16))
      throw fail("line 1: expected a word and its numbers, or <words> <dim>", { line: 1 });
    const count = Math.min(limit, header ? Number(header[1]) : Number.POSITIVE_INFINITY);
    const table = new Rows(dim, words && new Set(words));
    const binary = format === "binary" || (format === "auto" && header !== null && !(await startsWithText(bytes, dim)));
    if (binary && !header) throw fail("expected word2vec's binary format, which begins with <words> <dim>");
    const report = () => {
      signal?.throwIfAborted();
      onProgress?.({ words: table.read, bytes: bytes.taken });
    };
    await (binary ? readBinary : readText)(bytes, table, count, fail, report);
    if (header && table.read < count) throw fail(`expected ${count} words, found ${table.read}: the file ends early`);
    if (table.read === 0) throw fail("the file is empty");
    report();
    return table.finish();
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof WeightsError || cause instanceof InvalidArgumentError) throw cause;
    throw fail(`cannot be read (${(cause as Error).message})`, { cause });
  } finally {
    await bytes.close();
  }
}

/** Whether the next line has `dim` numbers. */
async function startsWithText(bytes: ByteQueue, dim: number): Promise<boolean> {
  const next = await bytes.peek(LONGEST_WORD + 32 * dim);
  const end = next.indexOf(NEWLINE);
  return splitLine(end < 0 ? next : next.subarray(0, end), dim)?.numbers.every(isNumber) ?? false;
}

type Fail = (text: string, details?: object) => WeightsError;

async function readText(bytes: ByteQueue, table: Rows, count: number, fail: Fail, report: () => void): Promise<void> {
  while (table.read < count) {
    const line = await bytes.until(NEWLINE, LONGEST_LINE);
    if (!line || line.length === 0) {
      const left = await bytes.peek(1);
      if (left.length === 0) return;
      throw fail(`word ${table.read + 1}: expected a line with ${table.dim} numbers`);
    }
    const split = splitLine(line, table.dim);
    const values = split?.numbers.map(Number);
    if (!split || !values!.every(Number.isFinite)) {
      throw fail(`word ${table.read + 1} (byte ${bytes.taken}): expected a word and ${table.dim} numbers`, {
        byte: bytes.taken,
      });
    }
    table.add(split.word, (out) => out.set(values!));
    if (table.read % 10_000 === 0) report();
  }
}

async function readBinary(bytes: ByteQueue, table: Rows, count: number, fail: Fail, report: () => void): Promise<void> {
  while (table.read < count) {
    // the original program ends each vector with a newline, others do not
    while ((await bytes.peek(1))[0] === NEWLINE) await bytes.take(1);
    const word = (await bytes.until(SPACE, LONGEST_WORD))?.toString("utf8");
    const vector = word === undefined ? undefined : await bytes.take(4 * table.dim);
    if (word === undefined || !vector) {
      throw fail(`word ${table.read + 1} (byte ${bytes.taken}): the file ends inside it, or it is no word2vec file`, {
        byte: bytes.taken,
      });
    }
    table.add(word, (out) => {
      for (let i = 0; i < out.length; i++) out[i] = vector.readFloatLE(4 * i);
      if (!out.every(Number.isFinite))
        throw fail(`word ${table.read}: its vector holds no number`, { byte: bytes.taken });
    });
    if (table.read % 10_000 === 0) report();
  }
}

export interface WordTableOptions {
  /**
   * The row of a word without a vector: `zeros`, `mean` of all vectors, or `random`: normal, with the deviation of the
   * vectors' values. Default `random`.
   */
  unknown?: "zeros" | "mean" | "random" | undefined;
  /** Seed of random rows; a word's row depends on the seed and its index alone. Default 1. */
  seed?: number | undefined;
  /** Also search for a word in lower case. Default true. */
  lowercase?: boolean | undefined;
}

/**
 * An embedding table for a vocabulary, such as for `Transformer`'s `embeddings`.
 * @returns f32 `[vocabulary, dim]`, and the words without a vector
 */
export function wordTable(
  vectors: WordVectors,
  vocabulary: readonly string[],
  { unknown = "random", seed = 1, lowercase = true }: WordTableOptions = {},
): { table: Float32Array; dim: number; missing: string[] } {
  const { dim, data, rows } = vectors;
  if (!["zeros", "mean", "random"].includes(unknown)) {
    throw new InvalidArgumentError(`unknown: expected zeros, mean or random, received ${String(unknown)}`, {
      argument: "unknown",
    });
  }
  const table = new Float32Array(vocabulary.length * dim);
  const missing: string[] = [];
  const mean = new Float64Array(dim);
  if (unknown === "mean") data.forEach((v, i) => (mean[i % dim] += (v * dim) / data.length));
  const deviation = unknown === "random" ? Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length) : 0;
  vocabulary.forEach((word, place) => {
    const row = rows.get(word) ?? (lowercase ? rows.get(word.toLowerCase()) : undefined);
    const out = table.subarray(place * dim, (place + 1) * dim);
    if (row !== undefined) {
      out.set(data.subarray(row * dim, (row + 1) * dim));
      return;
    }
    missing.push(word);
    const random = new Random(seed, 0, place);
    if (unknown === "mean") out.set(mean);
    if (unknown === "random") for (let i = 0; i < dim; i++) out[i] = deviation * random.normal();
  });
  return { table, dim, missing };
}
