import type { Skips } from "./skips.js";

/** A text and the time that it describes, in seconds. */
export interface Caption {
  start: number;
  end: number;
  text: string;
}

/** A video of a dataset with its texts in order of time. */
export interface VideoRecord {
  /** Name of its file and of its features. */
  video: string;
  captions: Caption[];
  /** Seconds, if the dataset has it. */
  duration?: number | undefined;
  /** Path below the folder of videos, if the dataset has it. */
  path?: string | undefined;
  /** A still picture: a clip of one frame. */
  image?: boolean | undefined;
  split?: string | undefined;
  /** Further fields of the dataset (category, task, query id ...). */
  extra?: Record<string, unknown> | undefined;
}

/** Sorts captions by start, equal starts by end. */
export function sortCaptions(captions: Caption[]): Caption[] {
  return captions.sort((a, b) => a.start - b.start || a.end - b.end);
}

/** Options of every reader of a dataset. */
export interface ReadOptions {
  /** Counts the records that are left out. */
  skips: Skips;
  signal?: AbortSignal | undefined;
}

/** A caption with its text on one line, or the reason why it is invalid. */
export function cleanCaption(start: unknown, end: unknown, text: unknown): Caption | string {
  if (typeof text !== "string") return "a caption that is no text";
  const line = text.replace(/\s+/g, " ").trim();
  if (line === "") return "an empty caption";
  if (typeof start !== "number" || typeof end !== "number" || !(start >= 0) || !(end >= start)) {
    return "a caption without a start and an end after it";
  }
  return { start, end, text: line };
}
