import { open, readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { dirname } from "node:path";
import { parse } from "csv-parse";
import { absolutePath } from "../../base/absolute_path.js";
import { DatasetError, VideoError } from "../../base/errors.js";
import { readJsonLines } from "../../base/json_lines.js";
import { parseJson } from "../../base/parse_json.js";
import { decodeText, encodingOf } from "../../base/text_encoding.js";
import { textLines, textParts } from "../../base/text_file.js";
import { addressFault, isRemote, pathOfAddress } from "../../base/addresses.js";
import type { InputItem } from "./input_item.js";
import { remoteItem } from "../remote/remote_item.js";
import { endingOf } from "../../base/media_names.js";

/** Names of the columns and fields that hold a path, in small letters. */
const PATH_COLUMNS = ["path", "video"];
const LISTS = ["csv", "tsv", "jsonl", "ndjson", "json", "txt", "lst"];

/** Whether a file of this name is a list of videos. */
export const isListName = (name: string): boolean => LISTS.includes(endingOf(name));

/** A row of a list: its path, or the reason why it has none. */
type Row = { line: number; path: string } | { line: number; reason: string };

/**
 * The videos in a list, by addresses (`s3://bucket/key`, `https://...`) or paths relative to its folder: `.csv` and
 * `.tsv` with a column `path` or `video`, `.jsonl` and `.json` with such a field or plain strings, `.txt` and `.lst` with
 * one path per line. Text is UTF-8 or UTF-16; columns are separated by commas, semicolons or tabs. A broken row is an
 * item with its error. All but `.json` are read row by row.
 * @throws DatasetError `ERR_MANIFEST` for a file that is not a list
 */
export async function readInputList(file: string): Promise<InputItem[]> {
  const items: InputItem[] = [];
  try {
    for await (const row of rowsOf(file)) items.push(itemOf(file, row));
  } catch (cause) {
    if (cause instanceof DatasetError) throw cause;
    throw listError(file, cause instanceof Error ? cause.message : String(cause), { cause });
  }
  return items;
}

function itemOf(file: string, row: Row): InputItem {
  const place = `${file}:${row.line}`;
  if ("reason" in row) return failed(place, row.reason);
  if (isRemote(row.path)) return remoteRow(place, row.path);
  const fault = addressFault(row.path);
  if (fault) return { path: row.path, error: new VideoError("ERR_VIDEO_NOT_FOUND", `${place}: ${fault}`, { file }) };
  return { path: absolutePath(pathOfAddress(row.path) ?? row.path, dirname(file)) };
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

async function* rowsOf(file: string): AsyncGenerator<Row> {
  const ending = endingOf(file);
  if (ending === "csv" || ending === "tsv") return yield* tableRows(file);
  if (ending === "json") return yield* jsonRows(file, decodeText(await readFile(file)));
  const isPlain = ending === "txt" || ending === "lst";
  if (!isPlain && (await isUtf8File(file))) {
    for (const { line, value, reason } of readJsonLines(file, { torn: true }))
      yield reason === undefined ? fieldOf(value, line) : { line, reason };
    return;
  }
  let line = 0;
  for await (const text of textLines(file)) {
    line++;
    const value = text.trim();
    if (value !== "") yield isPlain ? { path: value, line } : fieldOf(parsed(value), line);
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

/** The most frequent separator of a line. */
function delimiterOf(header: string): string {
  const count = (separator: string) => header.split(separator).length;
  return [",", ";", "\t"].reduce((best, separator) => (count(separator) > count(best) ? separator : best));
}

interface TableRow {
  record: string[];
  info: { lines: number };
}

async function* tableRows(file: string): AsyncGenerator<Row> {
  let first = "";
  for await (const text of textLines(file)) {
    first = text;
    break;
  }
  const parser = parse({
    delimiter: delimiterOf(first),
    skip_empty_lines: true,
    trim: true,
    relax_quotes: true,
    relax_column_count: true,
    info: true,
  });
  const source = Readable.from(textParts(file));
  source.on("error", (error) => parser.destroy(error));
  let columns: number[] | undefined;
  let header: string[] = [];
  for await (const { record, info } of source.pipe(parser) as AsyncIterable<TableRow>) {
    if (!columns) {
      header = record;
      columns = columnsOf(file, header);
      continue;
    }
    const path = columns.map((column) => record[column]).find(Boolean);
    yield path ? { path, line: info.lines } : { line: info.lines, reason: `it has no ${header[columns[0]]}` };
  }
  if (!columns) columnsOf(file, []);
}

/** Positions of the columns that may hold a path. @throws DatasetError if there is none */
function columnsOf(file: string, header: readonly string[]): number[] {
  const names = header.map((name) => name.toLowerCase());
  const columns = PATH_COLUMNS.map((name) => names.indexOf(name)).filter((column) => column >= 0);
  if (columns.length > 0) return columns;
  const found = header.map((name) => JSON.stringify(name)).join(", ") || "nothing";
  throw listError(file, `its first line must name a column path or video; its columns are ${found}`, {
    expected: PATH_COLUMNS,
    received: header,
  });
}
