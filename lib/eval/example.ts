import type { Interval } from "./intervals.js";

/** A span of a strip: things of one class have one colour. */
export interface Span {
  /** Seconds. */
  start: number;
  end: number;
  label: string;
  class: number;
}

/** What is true or predicted along a video. */
export interface Strip {
  name: string;
  spans: Span[];
}

/** One query or video of a benchmark with what was predicted, for a report. */
export interface Example {
  /** Higher is better; within one benchmark. */
  quality: number;
  title: string;
  lines: string[];
  video: string;
  /** Seconds: where a picture is taken. */
  time: number;
  /** Along the whole video, and how long it is. */
  strips: Strip[];
  length: number;
}

/** A span of seconds with its label and class. @internal */
export const span = (start: number, end: number, label: string, kind: number): Span => ({
  start,
  end,
  label,
  class: kind,
});

/** The second in the middle of an interval. @internal */
export const middle = ([start, end]: Interval): number => (start + end) / 2;

/** An example has nothing along its video. @internal */
export const WITHOUT_STRIPS = { strips: [] as Strip[], length: 0 };
