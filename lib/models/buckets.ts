/**
 * Sequence lengths of programs. They are few, so that there are few programs, and padding stays below a half from 16
 * on.
 */
const BUCKETS = [16, 32, 64, 96, 128, 256, 512];

/** The padded length of a sequence: the next bucket, above the buckets the next multiple of 256, and at most `max`. */
export function bucketOf(length: number, max = Number.POSITIVE_INFINITY): number {
  const bucket = BUCKETS.find((size) => size >= length) ?? 256 * Math.ceil(length / 256);
  return Math.min(bucket, max);
}

/** Batch size of the program for `count` rows: the next power of two. */
export const rowsFor = (count: number): number => 2 ** Math.ceil(Math.log2(count));
