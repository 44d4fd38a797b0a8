import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { DatasetError } from "../base/errors.js";
import { parseJson } from "../base/parse_json.js";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = new Set([0x7b, 0x5b]);
const CLOSE = new Set([0x7d, 0x5d]);
const COMMA = 0x2c;
const isSpace = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

/** An entry of the outermost object, and its position in the file. */
export interface JsonEntry {
  key: string;
  value: unknown;
  byte: number;
}

/**
 * Reads the entries of a JSON file that is one large object, one at a time, so the memory depends on the largest entry
 * only. `NaN` (as Python writes it) is read as null. JSON parsers refuse it, so the file is cut here and each entry is
 * parsed alone.
 * @param maxBytes maximum size of one entry
 * @throws DatasetError with the byte at which the file is broken or ends
 */
export async function* readJsonEntries(
  file: string,
  { maxBytes = 1 << 28, signal }: { maxBytes?: number | undefined; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<JsonEntry> {
  const fail = (byte: number, reason: string, cause?: unknown) =>
    new DatasetError("ERR_DATASET", `${file}: byte ${byte}: ${reason}`, { file, byte, cause });
  const source = createReadStream(file, { signal, highWaterMark: 1 << 20 });
  const stream = file.endsWith(".gz") ? source.pipe(createGunzip()) : source;
  if (stream !== source) source.on("error", (error) => stream.destroy(error));

  let at = 0; // bytes before the chunk
  let depth = 0;
  let text = false; // whether the position is inside a string
  let escaped = false;
  let begun = -1; // position of the current entry
  let parts: Buffer[] = [];
  let size = 0;
  let ended = false;

  const finish = (byte: number): JsonEntry | undefined => {
    const entry = Buffer.concat(parts).toString("utf8");
    parts = [];
    size = 0;
    if (begun < 0) return undefined;
    const start = begun;
    begun = -1;
    try {
      const value = parseJson(`{${entry}}`) as Record<string, unknown>;
      const [key] = Object.keys(value);
      return { key, value: value[key], byte: start };
    } catch (cause) {
      throw fail(start, `not JSON up to byte ${byte}: ${(cause as Error).message}`, cause);
    }
  };

  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      let from = 0;
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i];
        if (text) {
          if (escaped) escaped = false;
          else if (byte === BACKSLASH) escaped = true;
          else if (byte === QUOTE) text = false;
          continue;
        }
        if (isSpace(byte)) continue;
        if (ended) throw fail(at + i, "something follows the end of the object");
        if (depth === 0) {
          if (byte === 0xef && at + i === 0) {
            i += 2; // byte order mark
            continue;
          }
          if (byte !== 0x7b) throw fail(at + i, "expected an object");
          depth = 1;
          from = i + 1;
          continue;
        }
        const last = depth === 1 && byte === 0x7d;
        if (depth === 1 && (byte === COMMA || last)) {
          parts.push(chunk.subarray(from, i));
          from = i + 1;
          const entry = finish(at + i);
          if (entry) yield entry;
          if (last) {
            depth = 0;
            ended = true;
          }
          continue;
        }
        if (begun < 0) begun = at + i;
        if (byte === QUOTE) text = true;
        else if (OPEN.has(byte)) depth++;
        else if (CLOSE.has(byte)) depth--;
      }
      if (!ended && depth > 0) {
        parts.push(Buffer.from(chunk.subarray(from)));
        size += chunk.length - from;
        if (size > maxBytes) throw fail(begun, `an entry of more than ${maxBytes} bytes`);
      }
      at += chunk.length;
    }
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof DatasetError) throw cause;
    throw fail(at, `cannot be read: ${(cause as Error).message}`, cause);
  } finally {
    source.destroy();
  }
  if (!ended) throw fail(at, "the file ends inside the object");
}
