import { bucketOf } from "../buckets.js";
import type { VideoWindow } from "./videoclip_input.js";

/** `size` values from `at`, padded with zeros. */
export function block(from: Float32Array, at: number, size: number): Float32Array {
  const out = new Float32Array(size);
  out.set(from.subarray(at, at + size));
  return out;
}

/** Indices of texts by padded length. */
export function byBucket(texts: readonly (readonly number[])[], max: number): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  texts.forEach((ids, i) => {
    const S = bucketOf(ids.length + 2, max);
    const group = groups.get(S);
    if (group) group.push(i);
    else groups.set(S, [i]);
  });
  return groups;
}

/**
 * The mean of each video's windows, weighted by their number of features. A single window is unchanged, bit for bit.
 */
export function averageWindows(rows: Float32Array, windows: readonly VideoWindow[], videos: number, dim: number) {
  const out = new Float32Array(videos * dim);
  const total = new Float64Array(videos);
  for (const { video, start, end } of windows) total[video] += end - start;
  windows.forEach(({ video, start, end }, w) => {
    const share = (end - start) / total[video];
    for (let i = 0; i < dim; i++) out[video * dim + i] += share * rows[w * dim + i];
  });
  return out;
}

/** Concatenates lists. */
export function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
