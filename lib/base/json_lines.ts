import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";
import { appendDurably } from "./files.js";
import { parseJson } from "./parse_json.js";
import { writing } from "./system_error.js";

/** A line of a file of JSON lines. */
export interface JsonLine {
  /** From 1. */
  line: number;
  /** Where it begins in the file, and its bytes without the line break. */
  at: number;
  bytes: number;
  /** The value; undefined for a line that is no JSON. */
  value: unknown;
  /** Why there is no value. */
  reason?: string | undefined;
}

const BLOCK = 1 << 20;
/** A longer line is no record of anybody, and V8 has no longer string than twice this. */
const LONGEST = 1 << 28;
const NEWLINE = 0x0a;

/**
 * The lines of a file that ends with a line break; a last line without one is torn, or being written, and left out. Memory is that of
 * the longest line, however large the file. Lines that are no JSON have a reason in the place of a value.
 * @param options.torn a last line without a line break counts too: in lists that people write it is whole
 * @throws the system's error where the file cannot be read
 */
export function* readJsonLines(path: string, { torn = false }: { torn?: boolean } = {}): Generator<JsonLine> {
  const file = openSync(path, "r");
  try {
    const block = Buffer.alloc(BLOCK);
    let parts: Buffer[] = [];
    let [line, at, bytes] = [1, 0, 0];
    for (let position = 0; ;) {
      const count = readSync(file, block, 0, BLOCK, position);
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
        const parsed = parse(bytes <= LONGEST ? Buffer.concat(parts) : undefined);
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

/** Where the power went, file systems leave zeros before what was written next. */
function textOf(bytes: Buffer): string {
  let begin = 0;
  while (bytes[begin] === 0) begin++;
  return bytes.toString("utf8", begin);
}

/** @returns undefined for an empty line */
function parse(bytes: Buffer | undefined): Pick<JsonLine, "value" | "reason"> | undefined {
  if (!bytes) return { value: undefined, reason: `it is longer than ${LONGEST} bytes` };
  const text = textOf(bytes);
  if (text.trim() === "") return bytes.includes(0) ? { value: undefined, reason: "it has only zeros" } : undefined;
  try {
    return { value: parseJson(text) };
  } catch (cause) {
    return { value: undefined, reason: `it is not JSON (${(cause as Error).message.slice(0, 100)})` };
  }
}

/** The value of one line, by its place. @throws SyntaxError where it is no JSON any more; the system's error */
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

/** Cuts off a last line that a kill or a full disk has torn; one that is whole gets its line break. Nothing happens without a file. */
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

/** Where the text behind the last line break begins. */
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
