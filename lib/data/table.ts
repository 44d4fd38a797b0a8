import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { parse } from "csv-parse";
import { DatasetError } from "../base/errors.js";
import type { Line } from "./jsonl.js";
import { lineError } from "./jsonl.js";

export interface TableOptions {
  /** Default ",". */
  delimiter?: string | undefined;
  /** Names of the columns of a file without a header line. */
  columns?: readonly string[] | undefined;
  /** Columns that the file must have. */
  required?: readonly string[] | undefined;
  /** Whether `"` is an ordinary character (tab-separated captions). */
  plainQuotes?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Rows of a csv or tsv file by column name, without reading the whole file; `.gz` is unpacked.
 * @throws DatasetError with file and line when a row has another number of columns than the header
 */
export async function* readTable(
  file: string,
  options: TableOptions = {},
): AsyncGenerator<Line<Record<string, string>>> {
  const { delimiter = ",", columns, required = [], plainQuotes = false, signal } = options;
  const source = createReadStream(file, { signal });
  const parser = parse({
    delimiter,
    bom: true,
    info: true,
    skip_empty_lines: true,
    relax_quotes: !plainQuotes,
    quote: plainQuotes ? false : '"',
    columns: columns ? [...columns] : (header: string[]) => checkHeader(file, header, required),
  });
  source.on("error", (error) => parser.destroy(error));
  if (file.endsWith(".gz")) {
    const unpack = createGunzip();
    unpack.on("error", (error) => parser.destroy(error));
    source.pipe(unpack).pipe(parser);
  } else source.pipe(parser);
  try {
    for await (const { record, info } of parser as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>) {
      yield { value: record, file, line: info.lines };
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof DatasetError) throw cause;
    const { message, lines } = cause as Error & { lines?: number };
    if (lines) throw lineError(file, lines, message, { cause });
    throw new DatasetError("ERR_DATASET", `${file}: cannot be read: ${message}`, { file, cause });
  } finally {
    source.destroy();
  }
}

function checkHeader(file: string, header: string[], required: readonly string[]): string[] {
  const missing = required.filter((name) => !header.includes(name));
  if (missing.length > 0) {
    throw lineError(file, 1, `expected the columns ${required.join(", ")}; ${missing.join(", ")} missing`, {
      expected: required,
      received: header,
    });
  }
  return header;
}
