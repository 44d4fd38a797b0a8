/** Character encodings of text files. */
export type TextEncoding = "utf-8" | "utf-16le" | "utf-16be";

/**
 * The encoding of a text by its first bytes: by a byte order mark, or by the zeros in every second byte of Latin
 * letters in UTF-16, which spreadsheets and Windows tools write.
 */
export function encodingOf(head: Uint8Array): TextEncoding {
  if (head[0] === 0xff && head[1] === 0xfe) return "utf-16le";
  if (head[0] === 0xfe && head[1] === 0xff) return "utf-16be";
  const pairs = Math.floor(Math.min(head.length, 64) / 2);
  const zeros = (odd: number) => pairs > 0 && Array.from({ length: pairs }).every((_, i) => head[2 * i + odd] === 0);
  if (zeros(1) && !zeros(0)) return "utf-16le";
  if (zeros(0) && !zeros(1)) return "utf-16be";
  return "utf-8";
}

/** The text of a file, without its byte order mark. */
export const decodeText = (bytes: Uint8Array): string => new TextDecoder(encodingOf(bytes)).decode(bytes);

/** Whether a text has no half of a surrogate pair, which no file in UTF-8 can hold and which other readers refuse or replace. */
export const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);
