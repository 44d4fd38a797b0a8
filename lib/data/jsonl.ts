import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { DatasetError } from "../errors.js";

/** One line of a text file and where it stands, for errors. */
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
 * Lines of a text file (UTF-8; `.gz` is unpacked on the way), without reading it whole. Empty lines are left out.
 * @throws DatasetError when the file cannot be read
 */
export async function* readLines(file: string, signal?: AbortSignal): AsyncGenerator<Line<string>> {
  const source = createReadStream(file, { signal });
  const stream = file.endsWith(".gz") ? source.pipe(createGunzip()) : source;
  if (stream !== source) source.on("error", (error) => stream.destroy(error));
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

/**
 * Objects of a JSON lines file.
 * @throws DatasetError naming file and line when a line is no JSON object
 */
export async function* readJsonLines(
  file: string,
  signal?: AbortSignal,
): AsyncGenerator<Line<Record<string, unknown>>> {
  for await (const { value: text, line } of readLines(file, signal)) {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw lineError(file, line, `not JSON: ${(cause as Error).message}`, { cause });
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw lineError(file, line, `expected a JSON object, received ${text.slice(0, 40)}`);
    }
    yield { value: value as Record<string, unknown>, file, line };
  }
}
