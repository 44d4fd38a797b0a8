import { open, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { parse } from "csv-parse/sync";
import { DatasetError, VideoError } from "../base/errors.js";
import { readJsonLines } from "../base/json_lines.js";
import { parseJson } from "../base/parse_json.js";
import { decodeText, encodingOf } from "../base/text_encoding.js";
import { addressFault, isRemote, pathOfAddress } from "../base/addresses.js";
import type { InputItem } from "./input_item.js";
import { remoteItem } from "./remote/remote_item.js";
import { endingOf } from "../base/media_names.js";

/** Names of the columns and fields that hold a path, in small letters. */
const PATH_COLUMNS = ["path", "video"];
const LISTS = ["csv", "tsv", "jsonl", "ndjson", "json", "txt", "lst"];

/** Whether a file of this name is a list of videos. */
export const isListName = (name: string): boolean => LISTS.includes(endingOf(name));

/** A row of a list: its path, or the reason why it has none. */
type Row = { line: number; path: string } | { line: number; reason: string };

/**
 * The videos in a list, by addresses (`s3://bucket/key`, `https://...`) or paths relative to its folder: `.csv` and `.tsv` with a column `path` or `video`, `.jsonl` and `.json`
 * with such a field or plain strings, `.txt` and `.lst` with one path per line. Text is UTF-8 or UTF-16; columns are
 * separated by commas, semicolons or tabs. A broken row is an item with its error.
 * @throws DatasetError `ERR_MANIFEST` for a file that is not a list
 */
export async function readInputList(file: string): Promise<InputItem[]> {
  const rows = await rowsOf(file);
  return rows.map((row) => itemOf(file, row));
}

function itemOf(file: string, row: Row): InputItem {
  const place = `${file}:${row.line}`;
  if ("reason" in row) return failed(place, row.reason);
  if (isRemote(row.path)) return remoteRow(place, row.path);
  const fault = addressFault(row.path);
  if (fault) return { path: row.path, error: new VideoError("ERR_VIDEO_NOT_FOUND", `${place}: ${fault}`, { file }) };
  return { path: resolve(file, "..", pathOfAddress(row.path) ?? row.path) };
}

function remoteRow(place: string, address: string): InputItem {
  try {
    return remoteItem(address);
  } catch (error) {
    return failed(place, (error as Error).message);
  }
}

const failed = (place: string, reason: string): InputItem => ({
  path: place,
  error: new VideoError("ERR_VIDEO_NOT_FOUND", `${place}: ${reason}`, { file: place }),
});

async function rowsOf(file: string): Promise<Row[]> {
  const ending = endingOf(file);
  try {
    if ((ending === "jsonl" || ending === "ndjson") && (await isUtf8File(file))) {
      // line by line, because the manifest of a large extraction is a list too
      return [...readJsonLines(file, { torn: true })].map(({ line, value, reason }) =>
        reason === undefined ? fieldOf(value, line) : { line, reason },
      );
    }
    const text = decodeText(await readFile(file));
    if (ending === "csv" || ending === "tsv") return tableRows(file, text);
    const lines = text.split(/\r\n|\n|\r/).map((value, i) => ({ value: value.trim(), line: i + 1 }));
    const full = lines.filter(({ value }) => value !== "");
    if (ending === "txt" || ending === "lst") return full.map(({ value, line }) => ({ path: value, line }));
    if (ending === "json") return jsonRows(file, text);
    return full.map(({ value, line }) => fieldOf(parsed(value), line));
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    throw listError(file, cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

const listError = (file: string, reason: string, details: object = {}): DatasetError =>
  new DatasetError("ERR_MANIFEST", `${file}: ${reason}`, { file, ...details });

async function isUtf8File(file: string): Promise<boolean> {
  const opened = await open(file, "r");
  try {
    const head = new Uint8Array(64);
    const { bytesRead } = await opened.read(head, 0, head.length, 0);
    return encodingOf(head.subarray(0, bytesRead)) === "utf-8";
  } finally {
    await opened.close();
  }
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** The path of a JSON value: a string, or a field of an object. */
function fieldOf(value: unknown, line: number): Row {
  if (typeof value === "string" && value !== "") return { path: value, line };
  if (value === undefined) return { line, reason: "it is not JSON" };
  if (typeof value !== "object" || value === null) return { line, reason: "it has no path or video field" };
  const entries = Object.entries(value);
  const names = PATH_COLUMNS.filter((name) => entries.some(([key]) => key.trim().toLowerCase() === name));
  for (const name of names) {
    const [, path] = entries.find(([key]) => key.trim().toLowerCase() === name)!;
    if (typeof path === "string" && path !== "") return { path, line };
  }
  const found = entries.map(([key]) => key).join(", ") || "nothing";
  return {
    line,
    reason: names.length > 0 ? `its ${names[0]} is no text` : `it has no path or video field, but ${found}`,
  };
}

function jsonRows(file: string, text: string): Row[] {
  const value = parseJson(text);
  if (Array.isArray(value)) return value.map((entry, i) => fieldOf(entry, i + 1));
  throw listError(file, "expected a list of paths, or of objects with a path or video field");
}

/** The most frequent separator of the first line. */
function delimiterOf(text: string): string {
  const [header] = text.split(/\r\n|\n|\r/, 1);
  const count = (separator: string) => header.split(separator).length;
  return [",", ";", "\t"].reduce((best, separator) => (count(separator) > count(best) ? separator : best));
}

function tableRows(file: string, text: string): Row[] {
  const delimiter = delimiterOf(text);
  const rows = parse(text, {
    delimiter,
    skip_empty_lines: true,
    trim: true,
    relax_quotes: true,
    relax_column_count: true,
    info: true,
  }) as unknown as { record: string[]; info: { lines: number } }[];
  const header = rows.shift()?.record ?? [];
  const names = header.map((name) => name.toLowerCase());
  const columns = PATH_COLUMNS.map((name) => names.indexOf(name)).filter((column) => column >= 0);
  if (columns.length === 0) {
    const found = header.map((name) => JSON.stringify(name)).join(", ") || "nothing";
    throw listError(file, `its first line must name a column path or video; its columns are ${found}`, {
      expected: PATH_COLUMNS,
      received: header,
    });
  }
  return rows.map(({ record, info: { lines: line } }) => {
    const path = columns.map((column) => record[column]).find(Boolean);
    return path ? { path, line } : { line, reason: `it has no ${header[columns[0]]}` };
  });
}
