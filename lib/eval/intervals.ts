/** Start and end, in seconds (or any one unit). */
export type Interval = readonly [number, number];

/** Length of the intersection of two intervals. */
function overlap(a: Interval, b: Interval): number {
  return Math.max(0, Math.min(a[1], b[1]) - Math.max(a[0], b[0]));
}

/** Intersection over union of two intervals; 0 for an empty union. */
export function iou(a: Interval, b: Interval): number {
  const shared = overlap(a, b);
  const union = a[1] - a[0] + (b[1] - b[0]) - shared;
  return union > 0 ? shared / union : 0;
}

/**
 * Intersection over the span from the first start to the last end: equal to `iou` for intervals that touch, 0
 * otherwise.
 */
export function iouOfSpan(a: Interval, b: Interval): number {
  const span = Math.max(a[1], b[1]) - Math.min(a[0], b[0]);
  return span === 0 ? 0 : overlap(a, b) / span;
}
