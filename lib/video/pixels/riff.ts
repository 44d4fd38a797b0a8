import type { ReadAt } from "./exif.js";

const nameAt = (bytes: Buffer, at: number) => bytes.toString("latin1", at, at + 4);

export function isRiff(head: Buffer): boolean {
  return head.length >= 8 && nameAt(head, 0) === "RIFF";
}

/**
 * Where the chunks of a RIFF file (AVI, WebP) end; 0 where the first of them does not know its size, as a pipe leaves it. An AVI of more
 * than a gigabyte has further chunks behind the first (OpenDML): their form is `AVIX`. What else follows is not of the file.
 */
export async function riffEnd(size: number, read: ReadAt): Promise<number> {
  let end = 0;
  for (let at = 0; at < size; at = end) {
    const head = await read(at, 12);
    const isFirst = at === 0;
    if (nameAt(head, 0) !== "RIFF" || (!isFirst && head.length >= 12 && nameAt(head, 8) !== "AVIX")) break;
    if (head.length < 12) return at + 12; // cut within a header
    const bytes = head.readUInt32LE(4);
    // never filled in: written into a pipe, or by a program that was stopped
    if (bytes === 0 || bytes === 0xffffffff) return isFirst ? 0 : size;
    end = at + 8 + bytes + (bytes & 1);
  }
  return end - 1 === size ? size : end; // the byte that pads an odd chunk may be missing
}
