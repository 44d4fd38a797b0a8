/** Lengths that programs are made for: few, so that there are few programs, and padding stays below a half from 16 on. */
const BUCKETS = [16, 32, 64, 96, 128, 256, 512];

/** Length that a sequence is padded to: the next bucket, a multiple of 256 above them, and at most `most`. */
export function bucketOf(length: number, most = Number.POSITIVE_INFINITY): number {
  const bucket = BUCKETS.find((size) => size >= length) ?? 256 * Math.ceil(length / 256);
  return Math.min(bucket, most);
}

/** Rows of a program for so many: the next power of two. */
export const rowsFor = (count: number): number => 2 ** Math.ceil(Math.log2(count));
