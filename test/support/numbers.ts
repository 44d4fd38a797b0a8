// Comparisons of numbers.

/**
 * The relative L2 error |got - expected| / |expected|; the absolute one if `expected` is all zeros. Equal infinities do not differ.
 * NaN if the lengths differ or a value is NaN, so that a comparison with a limit fails.
 */
export function relativeL2(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.NaN;
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < expected.length; i++) {
    if (got[i] !== expected[i]) difference += (got[i] - expected[i]) ** 2;
    if (Number.isFinite(expected[i])) norm += expected[i] ** 2;
  }
  return Math.sqrt(difference / (norm || 1));
}

/** The bytes of an array, without a copy. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
