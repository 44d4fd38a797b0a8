/** Mean of a list. @param empty mean of an empty list */
export function mean(values: ArrayLike<number>, empty = Number.NaN): number {
  if (values.length === 0) return empty;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum / values.length;
}

/** A share as a percentage with two decimals, an exact tie to the even digit (as C and Python print it). */
export function percent(share: number): number {
  const value = 100 * share;
  const rounded = Number(value.toFixed(2));
  const tie = Number.isInteger(value * 8) && !Number.isInteger(value * 4);
  return tie && Math.round(rounded * 100) % 2 !== 0 ? Number((rounded - 0.01 * Math.sign(value)).toFixed(2)) : rounded;
}
