import type { VideoFeatures } from "./videoclip_input.js";

/** Features of the whole seconds in `[start, end)`, within the video and at least one row; row i is second i. */
export function clipFeatures({ data, shape: [rows, width] }: VideoFeatures, start: number, end: number): VideoFeatures {
  const first = Math.min(Math.max(0, Math.floor(start)), rows - 1);
  const last = Math.max(first + 1, Math.min(Math.ceil(end), rows));
  return { data: data.slice(first * width, last * width), shape: [last - first, width] };
}
