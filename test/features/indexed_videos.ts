// Generated videos for indexes.
import type { IndexedVideo } from "#lib/features/index_writer.js";
import { hashValues } from "#lib/nn/random_weights.js";

/** A video of `count` rows one second apart, generated from its name. */
export function video(name: string, count: number, dim: number): IndexedVideo {
  const spans = Array.from({ length: count }, (_, i): [number, number] => [i, i + 1]);
  return { video: name, rows: hashValues("index", name, count * dim), spans };
}
export const videos = (count: number, dim: number, from = 0) =>
  Array.from({ length: count }, (_, i) => video(`video ${from + i}`, 1 + ((from + i) % 7), dim));
