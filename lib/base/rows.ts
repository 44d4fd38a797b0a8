/**
 * Scales every row to a 2-norm of 1, in place; rows of zeros stay.
 * @param rows `[n, width]`, row-major
 * @returns `rows`
 */
export function scaleToUnitLength<T extends Float32Array | Float64Array>(rows: T, width: number): T {
  for (let at = 0; at < rows.length; at += width) {
    let sum = 0;
    for (let i = at; i < at + width; i++) sum += rows[i] ** 2;
    const scale = sum > 0 ? 1 / Math.sqrt(sum) : 1;
    for (let i = at; i < at + width; i++) rows[i] *= scale;
  }
  return rows;
}
