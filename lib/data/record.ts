import type { Skips } from "./skips.js";

/** A text and the time it is about, in seconds. */
export interface Caption {
  start: number;
  end: number;
  text: string;
}

/** A video of a dataset with its texts in order of time. */
export interface VideoRecord {
  /** Name that its file and its features carry. */
  video: string;
  captions: Caption[];
  /** Seconds, where the dataset says. */
  duration?: number | undefined;
  /** Path below the folder of videos, where the dataset says. */
  path?: string | undefined;
  /** A still picture: a clip of one frame. */
  image?: boolean | undefined;
  split?: string | undefined;
  /** What else the dataset says of it (category, task, query id ...). */
  extra?: Record<string, unknown> | undefined;
}

/** Puts captions in order of time, equal starts by end. */
export function sortCaptions(captions: Caption[]): Caption[] {
  return captions.sort((a, b) => a.start - b.start || a.end - b.end);
}

/** What every reader of a dataset takes. */
export interface ReadOptions {
  /** Counts what is left out. */
  skips: Skips;
  signal?: AbortSignal | undefined;
}

/** A caption with its text on one line, or why it is none. */
export function cleanCaption(start: unknown, end: unknown, text: unknown): Caption | string {
  if (typeof text !== "string") return "a caption that is no text";
  const line = text.replace(/\s+/g, " ").trim();
  if (line === "") return "an empty caption";
  if (typeof start !== "number" || typeof end !== "number" || !(start >= 0) || !(end >= start)) {
    return "a caption without a start and an end after it";
  }
  return { start, end, text: line };
}
