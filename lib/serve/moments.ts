/** A part of a video that fits a query. Times are in seconds. */
export interface Span {
  start: number;
  end: number;
  score: number;
}

/** A span of a video of one of the indexes. */
export interface Candidate extends Span {
  /** Name of the index. */
  index: string;
  /** Name of the video in its index. */
  video: string;
}

/** Whether two spans have a time in common. */
export const overlaps = (a: { start: number; end: number }, b: { start: number; end: number }): boolean =>
  a.start < b.end && b.start < a.end;

/**
 * Merges overlapping windows of a video: the best one stands for all that overlap it. Which ones stay depends only on
 * better ones, so that a longer list begins with the shorter one and pages fit together.
 * @param ranked best first
 */
export const mergeOverlapping = <T extends Candidate>(ranked: readonly T[]): T[] => ranked.filter(withoutOverlaps());

/** For the windows of a ranked list one after another: whether `mergeOverlapping` keeps this one. */
export function withoutOverlaps(): (window: Candidate) => boolean {
  const kept = new Map<string, Candidate[]>();
  return (window) => {
    const key = videoOf(window);
    const others = kept.get(key);
    if (others?.some((other) => overlaps(window, other))) return false;
    if (others) others.push(window);
    else kept.set(key, [window]);
    return true;
  };
}

/** For the windows of a ranked list one after another: whether this is the best of its video. */
export function bestOfVideo(): (window: Candidate) => boolean {
  const seen = new Set<string>();
  return (window) => {
    const key = videoOf(window);
    return !seen.has(key) && seen.add(key) !== undefined;
  };
}

const videoOf = ({ index, video }: Candidate): string => `${index}\0${video}`;

/** Joins ranked lists to one, best first; equal scores in the order of the lists. */
export const rankTogether = <T extends Span>(lists: readonly Iterable<T>[]): Iterable<T> =>
  lists.length === 1 ? lists[0] : lists.flatMap((list) => [...list]).sort((a, b) => b.score - a.score);

/**
 * Scores over time in at most `bins` parts without gaps. Windows are longer than the distance between them, so every
 * instant has the score of the window whose middle is nearest. Where several windows share a part, it has the best of
 * their scores, so that no moment is hidden.
 */
export function timeLine(spans: readonly { start: number; end: number }[], scores: Float32Array, bins: number): Span[] {
  const per = Math.ceil(spans.length / bins);
  const middle = (i: number) => (spans[i].start + spans[i].end) / 2;
  const border = (i: number) => (middle(i - 1) + middle(i)) / 2;
  const parts: Span[] = [];
  for (let first = 0; first < spans.length; first += per) {
    const after = Math.min(first + per, spans.length);
    let score = scores[first];
    for (let i = first + 1; i < after; i++) score = Math.max(score, scores[i]);
    const start = first === 0 ? spans[0].start : border(first);
    const end = after === spans.length ? spans[after - 1].end : border(after);
    parts.push({ start, end, score });
  }
  return parts;
}

/**
 * The moments of one video from the scores of all its windows: overlapping ones merged, best first.
 * @param except spans whose windows are left out
 */
export function momentsOf(
  spans: readonly { start: number; end: number }[],
  scores: Float32Array,
  threshold: number,
  except: readonly { start: number; end: number }[] = [],
): Span[] {
  const ranked = spans
    .map(({ start, end }, i) => ({ start, end, score: scores[i], index: "", video: "" }))
    .filter((window) => window.score >= threshold && !except.some((span) => overlaps(window, span)))
    .sort((a, b) => b.score - a.score);
  return mergeOverlapping(ranked).map(({ start, end, score }) => ({ start, end, score }));
}
