import { writeDurably } from "../../base/files.js";
import { Fields } from "../../data/fields.js";
import { type Line, lineError, readJsonLines } from "../../data/jsonl.js";
import { DatasetError } from "../../base/errors.js";

/** Whether a submission is a file of lines instead of one JSON value. */
export const isLines = (file: string): boolean => /\.jsonl(\.gz)?$/.test(file);

/** Lines of a submission by a unique key. @throws DatasetError with file and line */
export async function byKey(file: string, key: (fields: Fields) => string): Promise<Map<string, Fields>> {
  const found = new Map<string, Fields>();
  for await (const line of readJsonLines(file) as AsyncIterable<Line<Record<string, unknown>>>) {
    const fields = new Fields(line);
    const name = key(fields);
    if (found.has(name)) throw lineError(file, line.line, `${name} is there twice`);
    found.set(name, fields);
  }
  return found;
}

/** Every item of the truth with its line. @throws DatasetError when the two do not have the same items */
export function match<T>(truth: readonly T[], name: (item: T) => string, lines: Map<string, Fields>, file: string) {
  const missing = truth.map(name).filter((key) => !lines.has(key));
  const known = new Set(truth.map(name));
  const extra = [...lines.keys()].filter((key) => !known.has(key));
  if (missing.length > 0 || extra.length > 0) {
    const list = (keys: string[]) => (keys.length > 0 ? `${keys.length} (${keys.slice(0, 3).join(", ")} ...)` : "0");
    throw new DatasetError(
      "ERR_DATASET",
      `${file}: expected one line for each of ${truth.length}; missing: ${list(missing)}, unknown: ${list(extra)}`,
      { file, expected: truth.length, received: lines.size },
    );
  }
  return truth.map((item) => ({ item, fields: lines.get(name(item))! }));
}

/** Writes a submission with one object per line. */
export function writeLines(file: string, lines: readonly object[]): void {
  writeDurably(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}
