import type { Interval } from "./intervals.js";

/** A span of a strip; spans of one class have one colour. */
export interface Span {
  /** Seconds. */
  start: number;
  end: number;
  label: string;
  class: number;
}

/** The truth or the prediction along a video. */
export interface Strip {
  name: string;
  spans: Span[];
}

/** One query or video of a benchmark with its prediction, for a report. */
export interface Example {
  /** Quality within one benchmark; higher is better. */
  quality: number;
  title: string;
  lines: string[];
  video: string;
  /** Time of the picture in seconds. */
  time: number;
  /** Strips along the whole video, and its length. */
  strips: Strip[];
  length: number;
}

/** A span in seconds with its label and class. @internal */
export const span = (start: number, end: number, label: string, kind: number): Span => ({
  start,
  end,
  label,
  class: kind,
});

/** The middle of an interval. @internal */
export const middle = ([start, end]: Interval): number => (start + end) / 2;

/** Fields of an example without strips. @internal */
export const WITHOUT_STRIPS = { strips: [] as Strip[], length: 0 };
