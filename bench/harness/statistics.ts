/** The quantile `q` of the samples, linearly interpolated. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** Median of peer / ours over neighbouring runs, so that a drift of the machine cancels. */
export function pairRatio(ours: readonly number[], peer: readonly number[]): number {
  return median(ours.map((ms, i) => peer[i] / ms));
}
