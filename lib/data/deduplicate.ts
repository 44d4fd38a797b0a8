import { Random } from "../base/random.js";
import type { Caption } from "./record.js";

export interface DeduplicateOptions {
  /**
   * How the shared text of two captions is found. `longest` (default): the longest run of whole words at the end of one
   * and at the start of the next. `shortest-prefix`: the shortest run of characters, as in MMPT, where one equal letter
   * is enough. There are two differences from MMPT: captions with equal starts are ordered by their ends, not as in the
   * file, and no caption ends before its start.
   */
  rule?: "longest" | "shortest-prefix" | undefined;
  /** Seed of the coin that gives shared words to one of the two captions. */
  seed?: number | undefined;
}

/**
 * Removes the repetitions of rolling captions: recognised speech comes in lines that scroll, so most words occur in two
 * captions. A caption that ends with its predecessor's end extends it; one that begins with all of it replaces it;
 * words that two captions share are given to one of them at random, and the times meet there (facts: fairseq's MMPT,
 * 2021).
 * @param captions in order of time; not changed
 * @param video its name is the key of the random draw, so the result does not depend on earlier videos
 */
export function deduplicateCaptions(
  captions: readonly Caption[],
  video: string,
  { rule = "longest", seed = 0 }: DeduplicateOptions = {},
): Caption[] {
  const shared = rule === "longest" ? sharedWords : sharedCharacters;
  const random = new Random(seed, hash(video));
  const out: Caption[] = [];
  for (const { start, end, text } of captions) {
    const previous = out[out.length - 1];
    if (!previous) {
      out.push({ start, end, text });
    } else if (previous.text.endsWith(text)) {
      previous.end = Math.max(previous.end, end);
    } else if (text.startsWith(previous.text)) {
      out[out.length - 1] = { start: Math.min(previous.start, start), end: Math.max(previous.end, end), text };
    } else {
      const length = shared(previous.text, text);
      if (length === 0) out.push({ start, end, text });
      else if (random.coin()) keepWithPrevious(out, { start, end, text }, length);
      else keepWithNext(out, { start, end, text }, length);
    }
  }
  return out;
}

function keepWithPrevious(out: Caption[], next: Caption, length: number): void {
  const previous = out[out.length - 1];
  previous.end = Math.max(previous.end, next.start);
  const text = next.text.slice(length).trim();
  if (text !== "") out.push({ start: previous.end, end: Math.max(previous.end, next.end), text });
}

function keepWithNext(out: Caption[], next: Caption, length: number): void {
  const previous = out[out.length - 1];
  previous.text = previous.text.slice(0, previous.text.length - length).trim();
  if (previous.text === "") out.pop();
  else previous.end = Math.max(previous.start, Math.min(previous.end, next.start));
  out.push(next);
}

/** Number of characters of the longest run of whole words that ends `before` and starts `after`. */
function sharedWords(before: string, after: string): number {
  for (let length = Math.min(before.length, after.length); length > 0; length--) {
    if (after[length] !== " " && length !== after.length) continue;
    const from = before.length - length;
    if (from > 0 && before[from - 1] !== " ") continue;
    if (before.endsWith(after.slice(0, length))) return length;
  }
  return 0;
}

/** Number of characters of the shortest prefix of `after` that ends `before`. */
function sharedCharacters(before: string, after: string): number {
  for (let length = 1; length <= Math.min(before.length, after.length); length++) {
    if (before.endsWith(after.slice(0, length))) return length;
  }
  return 0;
}

/** FNV-1a of the UTF-16 code units. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
