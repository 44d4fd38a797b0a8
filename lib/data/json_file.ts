import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { DatasetError } from "../base/errors.js";
import { parseJson } from "../base/parse_json.js";
import { decodeText } from "../base/text_encoding.js";

/** The error of a dataset file, or of an entry of it (`where`, a path of keys). */
export function fileError(file: string, where: string, reason: string, details: object = {}): DatasetError {
  return new DatasetError("ERR_DATASET", `${file}: ${where ? `${where}: ` : ""}${reason}`, { file, ...details });
}

/** Text of a file (UTF-8 or UTF-16, `.gz` is unpacked). @throws DatasetError when it cannot be read */
async function readText(file: string): Promise<string> {
  try {
    const bytes = await readFile(file);
    return decodeText(file.endsWith(".gz") ? gunzipSync(bytes) : bytes);
  } catch (cause) {
    throw fileError(file, "", `cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** Reads a whole JSON file (annotations of a few megabytes). @throws DatasetError when it is not JSON */
export async function readJson(file: string): Promise<unknown> {
  const text = await readText(file);
  try {
    return parseJson(text);
  } catch (cause) {
    throw fileError(file, "", `not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Checks that a value of a parsed file is an object. @throws DatasetError with its path of keys */
export function asObject(value: unknown, file: string, where: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw fileError(file, where, `expected an object, received ${JSON.stringify(value)?.slice(0, 60)}`);
}

/** Checks that a value of a parsed file is a list. @throws DatasetError with its path of keys */
export function asList(value: unknown, file: string, where: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw fileError(file, where, `expected a list, received ${JSON.stringify(value)?.slice(0, 60)}`);
}
