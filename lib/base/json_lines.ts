import { isUtf8 } from "node:buffer";
import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";
import { appendDurably } from "./files.js";
import { parseJson } from "./parse_json.js";
import { writing } from "./system_error.js";

/** A line of a file of JSON lines. */
export interface JsonLine {
  /** Line number, from 1. */
  line: number;
  /** Position in the file, and number of bytes without the line break. */
  at: number;
  bytes: number;
  /** The value; undefined for a line that is not JSON. */
  value: unknown;
  /** The reason why there is no value. */
  reason?: string | undefined;
}

const BLOCK = 1 << 20;
/** Maximum bytes of a line; strings of V8 are at most twice as long. */
const LONGEST = 1 << 28;
const NEWLINE = 0x0a;

export interface ReadLinesOptions {
  /** Also read a last line without a line break, as in lists that people write. */
  torn?: boolean | undefined;
  /** Position of the line to begin with, and its number. Default: the first. */
  from?: { at: number; line: number } | undefined;
  /** Position at which the file is taken to end. Default: its end. */
  to?: number | undefined;
}

/**
 * The lines of a JSON lines file. A last line without a line break is incomplete and left out. The memory is that of
 * the longest line. Lines that are not JSON have a reason instead of a value.
 * @throws the system's error when the file cannot be read
 */
export function* readJsonLines(
  path: string,
  { torn = false, from: begin, to = Infinity }: ReadLinesOptions = {},
): Generator<JsonLine> {
  const file = openSync(path, "r");
  try {
    const block = Buffer.alloc(BLOCK);
    let parts: Buffer[] = [];
    let { line, at } = begin ?? { line: 1, at: 0 };
    let bytes = 0;
    for (let position = at; ;) {
      const count = readSync(file, block, 0, Math.max(0, Math.min(BLOCK, to - position)), position);
      if (count === 0) {
        const last = torn && bytes > 0 ? parse(bytes <= LONGEST ? Buffer.concat(parts) : undefined) : undefined;
        if (last) yield { line, at, bytes, ...last };
        return;
      }
      position += count;
      let from = 0;
      for (let end = block.indexOf(NEWLINE); end >= 0 && end < count; end = block.indexOf(NEWLINE, from)) {
        bytes += end - from;
        if (bytes <= LONGEST) parts.push(block.subarray(from, end));
        const whole = parts.length === 1 ? parts[0] : Buffer.concat(parts);
        const parsed = parse(bytes <= LONGEST ? whole : undefined);
        if (parsed) yield { line, at, bytes, ...parsed };
        [from, parts, at, bytes, line] = [end + 1, [], at + bytes + 1, 0, line + 1];
      }
      bytes += count - from;
      parts = bytes <= LONGEST ? [...parts, Buffer.from(block.subarray(from, count))] : [];
    }
  } finally {
    closeSync(file);
  }
}

/** Decodes a line. After a power failure, file systems leave zeros before the next data. */
function textOf(bytes: Buffer): string {
  let begin = 0;
  while (bytes[begin] === 0) begin++;
  return bytes.toString("utf8", begin);
}

/** @returns undefined for an empty line */
function parse(bytes: Buffer | undefined): Pick<JsonLine, "value" | "reason"> | undefined {
  if (!bytes) return { value: undefined, reason: `it is longer than ${LONGEST} bytes` };
  const text = textOf(bytes);
  // a replaced character would be another path
  if (!isUtf8(bytes)) return { value: undefined, reason: "it is not UTF-8" };
  if (text.trim() === "") return bytes.includes(0) ? { value: undefined, reason: "it has only zeros" } : undefined;
  try {
    return { value: parseJson(text) };
  } catch (cause) {
    return { value: undefined, reason: `it is not JSON (${(cause as Error).message.slice(0, 100)})` };
  }
}

/** Reads the value of one line at its position. @throws SyntaxError when it is not JSON any more; the system's error */
export function readJsonLineAt(path: string, { at, bytes }: Pick<JsonLine, "at" | "bytes">): unknown {
  const file = openSync(path, "r");
  try {
    const text = Buffer.alloc(bytes);
    for (let done = 0; done < bytes;) {
      const count = readSync(file, text, done, bytes - done, at + done);
      if (count === 0) break;
      done += count;
    }
    return parseJson(textOf(text));
  } finally {
    closeSync(file);
  }
}

/**
 * Removes an incomplete last line, which a killed process or a full disk leaves, or adds the missing line break of a
 * complete one. Does nothing without a file.
 */
export function repairLastLine(path: string): void {
  writing(path, () => {
    let file: number;
    try {
      file = openSync(path, "r+");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
      throw error;
    }
    let whole: boolean;
    try {
      const { size } = fstatSync(file);
      const begin = lastLine(file, size);
      if (begin === size) return;
      const text = Buffer.alloc(Math.min(size - begin, LONGEST));
      readSync(file, text, 0, text.length, begin);
      whole = parse(text)?.value !== undefined;
      if (!whole) ftruncateSync(file, begin);
    } finally {
      closeSync(file);
    }
    if (whole) appendDurably(path, "\n");
  });
}

/** Position after the last line break. */
function lastLine(file: number, size: number): number {
  const block = Buffer.alloc(1 << 16);
  for (let end = size; end > 0;) {
    const from = Math.max(0, end - block.length);
    const count = readSync(file, block, 0, end - from, from);
    const at = block.subarray(0, count).lastIndexOf(NEWLINE);
    if (at >= 0) return from + at + 1;
    end = from;
  }
  return 0;
}
