import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { DatasetError } from "../base/errors.js";
import { parseJson } from "../base/parse_json.js";
import { encodingOf, type TextEncoding } from "../base/text_encoding.js";

/** One line of a text file and its position, for errors. */
export interface Line<T> {
  value: T;
  file: string;
  line: number;
}

/** The error of a line of a dataset file: `FILE:LINE: reason`. */
export function lineError(file: string, line: number, reason: string, details: object = {}): DatasetError {
  return new DatasetError("ERR_DATASET", `${file}:${line}: ${reason}`, { file, ...details });
}

/**
 * Lines of a text file (UTF-8, or UTF-16 as Windows writes it; `.gz` is unpacked), without reading the whole file.
 * Empty lines are left out.
 * @throws DatasetError when the file cannot be read
 */
export async function* readLines(file: string, signal?: AbortSignal): AsyncGenerator<Line<string>> {
  const source = createReadStream(file, { signal });
  const unpacked = file.endsWith(".gz") ? source.pipe(createGunzip()) : source;
  if (unpacked !== source) source.on("error", (error) => unpacked.destroy(error));
  const encoding = await fileEncoding(file);
  const stream = encoding === "utf-8" ? unpacked : Readable.from(decoded(source, encoding));
  let line = 0;
  try {
    for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
      line++;
      const value = line === 1 ? text.replace(/^\uFEFF/, "") : text;
      if (value.trim() !== "") yield { value, file, line };
    }
  } catch (cause) {
    signal?.throwIfAborted();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError("ERR_DATASET", `${file}: cannot be read after line ${line}: ${reason}`, { file, cause });
  } finally {
    source.destroy();
  }
}

/** The encoding by the first bytes of a file; packed files are UTF-8. */
async function fileEncoding(file: string): Promise<TextEncoding> {
  const opened = await open(file, "r").catch(() => undefined); // the stream reports the error
  try {
    const head = new Uint8Array(64);
    const read = await opened?.read(head, 0, head.length, 0).catch(() => undefined);
    return file.endsWith(".gz") ? "utf-8" : encodingOf(head.subarray(0, read?.bytesRead ?? 0));
  } finally {
    await opened?.close();
  }
}

async function* decoded(source: AsyncIterable<Buffer>, encoding: TextEncoding): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding);
  for await (const chunk of source) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}

/**
 * Objects of a JSON lines file; NaN, which Python writes, is null.
 * @param onBroken receives the error of a line that is not a JSON object, and reading continues; default: the error is
 * thrown
 * @throws DatasetError with file and line when a line is not a JSON object
 */
export async function* readJsonLines(
  file: string,
  signal?: AbortSignal,
  onBroken: (error: DatasetError) => void = (error) => {
    throw error;
  },
): AsyncGenerator<Line<Record<string, unknown>>> {
  for await (const { value: text, line } of readLines(file, signal)) {
    let value: unknown;
    try {
      value = parseJson(text);
    } catch (cause) {
      onBroken(lineError(file, line, `not JSON: ${(cause as Error).message}`, { cause }));
      continue;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      onBroken(lineError(file, line, `expected a JSON object, received ${text.slice(0, 40)}`));
      continue;
    }
    yield { value: value as Record<string, unknown>, file, line };
  }
}
