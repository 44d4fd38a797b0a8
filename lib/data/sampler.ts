import { InvalidArgumentError } from "../base/errors.js";
import type { Random } from "../base/random.js";

/** Captions of one video as token ids, in order of time. Seconds; no special tokens in the ids. */
export interface TokenisedCaptions {
  start: ArrayLike<number>;
  end: ArrayLike<number>;
  ids: readonly ArrayLike<number>[];
}

/**
 * Departures of fairseq's MMPT from the paper, by name; all are off by default. With all of them clips are drawn as in
 * MMPT, with one exception: a span without a second of features gets one, where MMPT has an empty clip.
 * - `lengthTo64`: text lengths are drawn from 8 to 64 and the tokens are cut to 61 afterwards, so 61 is more frequent
 * - `seedAtEnd`: the drawn second may be the one after the text's last, and the video clip is grown from it a second
 *   at a time in either direction: in rare draws the two clips do not overlap
 * - `lateCaptions`: captions that begin after the features take part too, with the last seconds of the video
 * - `lastEnd`: a text ends with its last caption, even when an earlier one ends later
 */
export type SamplerQuirk = (typeof SAMPLER_QUIRKS)[number];

/** The names of all departures. */
export const SAMPLER_QUIRKS = ["lengthTo64", "seedAtEnd", "lateCaptions", "lastEnd"] as const;

export interface SamplerOptions {
  /** Tokens of a text clip; default 8 to 61. */
  textTokens?: readonly [number, number] | undefined;
  /** Seconds of a video clip; default 3 to 32. */
  videoSeconds?: readonly [number, number] | undefined;
  /** Longest text clip in seconds; default 256. */
  textSeconds?: number | undefined;
  /**
   * How the clips are aligned:
   * - `overlapped`: as in the paper; the video clip is grown around a time inside the text clip
   * - `exact`: the paper's ablation without overlap; the video clip goes from the start of the first caption to the
   *   end of the last (MMPT's `VideoRetriAligner`)
   * - `fixed`: as `exact`, every text as long as `textTokens` allows (`FixedLenAligner`)
   * - `start`: as `fixed`, every text from the first caption on (`StartClipAligner`)
   * - `caption`: one caption and its time, without growth
   * - `first`: the first seconds of the video and their captions, without a draw
   */
  alignment?: "overlapped" | "exact" | "fixed" | "start" | "caption" | "first" | undefined;
  quirks?: readonly SamplerQuirk[] | undefined;
}

/** A text clip and a video clip of one video. */
export interface ClipPair {
  /** Captions `[first, last]`, both inclusive. */
  captions: [number, number];
  /** Token ids, at most `textTokens[1]`. */
  ids: Int32Array;
  /** Seconds that the captions cover. */
  text: [number, number];
  /** Rows of features `[start, end)`, one per second. */
  video: [number, number];
}

/**
 * Draws a pair of clips as in VideoCLIP's training (Xu et al. 2021, section 3): a centre caption, uniform over those
 * that begin before the features end; a text clip that is grown around it, to a random side each time, until it has the
 * drawn number of tokens; and a video clip that overlaps it without being aligned.
 *
 * The drawn time is inside the text clip, the video clip contains it, and all clips of the drawn length that contain it
 * are equally likely (those that reach beyond the video are moved inside).
 * @param seconds rows of features of the video
 * @throws InvalidArgumentError when no caption begins before the features end (with `lateCaptions`: when there is none)
 */
export function samplePair(
  captions: TokenisedCaptions,
  seconds: number,
  random: Random,
  options: SamplerOptions = {},
): ClipPair {
  const { textTokens = [8, 61], videoSeconds = [3, 32], textSeconds = 256, alignment = "overlapped" } = options;
  const quirks = new Set(options.quirks);
  const count = quirks.has("lateCaptions") ? captions.start.length : usable(captions, seconds);
  if (count === 0) {
    throw new InvalidArgumentError(`expected a caption that begins before second ${seconds}, received none`, {
      argument: "captions",
      expected: seconds,
      received: captions.start[0],
    });
  }
  if (alignment === "first") return firstSeconds(captions, count, seconds, { textTokens, videoSeconds });
  const centre = alignment === "start" ? 0 : random.integer(0, count - 1);
  if (alignment === "caption") return captionPair(captions, centre, seconds, { textTokens, videoSeconds });
  const drawn = alignment === "overlapped" || alignment === "exact";
  const max = quirks.has("lengthTo64") ? 64 : textTokens[1];
  const length = drawn ? random.integer(textTokens[0], max) : textTokens[1];
  const [first, last] = growText(captions, count, centre, length, textSeconds, alignment === "start", random);
  const end = quirks.has("lastEnd") ? captions.end[last] : latestEnd(captions, first, last);
  const text: [number, number] = [captions.start[first], end];
  return {
    captions: [first, last],
    ids: joinTokens(captions, first, last, textTokens[1]),
    text,
    video:
      alignment !== "overlapped"
        ? exactClip(text, seconds)
        : quirks.has("seedAtEnd")
          ? grownClip(text, seconds, random.integer(...videoSeconds), random)
          : overlappedClip(text, seconds, random.integer(...videoSeconds), random),
  };
}

interface Limits {
  textTokens: readonly [number, number];
  videoSeconds: readonly [number, number];
}

/** One caption and its seconds, at most `videoSeconds[1]`. */
export function captionPair(captions: TokenisedCaptions, at: number, seconds: number, limits: Limits): ClipPair {
  const text: [number, number] = [captions.start[at], captions.end[at]];
  const [start, end] = exactClip(text, seconds);
  return {
    captions: [at, at],
    ids: joinTokens(captions, at, at, limits.textTokens[1]),
    text,
    video: [start, Math.min(end, start + limits.videoSeconds[1])],
  };
}

function firstSeconds(captions: TokenisedCaptions, count: number, seconds: number, limits: Limits): ClipPair {
  const end = Math.min(seconds, limits.videoSeconds[1]);
  let last = 0;
  while (last + 1 < count && captions.start[last + 1] < end) last++;
  return {
    captions: [0, last],
    ids: joinTokens(captions, 0, last, limits.textTokens[1]),
    text: [captions.start[0], latestEnd(captions, 0, last)],
    video: [0, end],
  };
}

/** Number of captions that begin before the features end (they are in order of time). */
export function usable({ start }: TokenisedCaptions, seconds: number): number {
  let count = 0;
  while (count < start.length && start[count] < seconds) count++;
  return count;
}

function growText(
  { start, end, ids }: TokenisedCaptions,
  count: number,
  centre: number,
  length: number,
  textSeconds: number,
  forward: boolean,
  random: Random,
): [number, number] {
  let [first, last] = [centre, centre];
  let tokens = ids[centre].length;
  while (tokens < length && (last + 1 < count || (first > 0 && !forward)) && end[last] - start[first] < textSeconds) {
    const right = forward || first === 0 || (last + 1 < count && random.coin());
    tokens += ids[right ? ++last : --first].length;
  }
  return [first, last];
}

function latestEnd({ end }: TokenisedCaptions, first: number, last: number): number {
  let latest = end[first];
  for (let i = first + 1; i <= last; i++) latest = Math.max(latest, end[i]);
  return latest;
}

function joinTokens({ ids }: TokenisedCaptions, first: number, last: number, max: number): Int32Array {
  const all: number[] = [];
  for (let i = first; i <= last && all.length < max; i++) all.push(...Array.from(ids[i]).slice(0, max - all.length));
  return Int32Array.from(all);
}

/** The whole seconds of the text, inside the video. */
function exactClip([start, end]: [number, number], seconds: number): [number, number] {
  const first = Math.min(Math.floor(start), seconds - 1);
  return [first, Math.max(first + 1, Math.min(Math.ceil(end), seconds))];
}

function overlappedClip(text: [number, number], seconds: number, length: number, random: Random): [number, number] {
  const time = text[0] + random.uniform() * (Math.min(text[1], seconds) - text[0]);
  const second = Math.floor(time);
  if (length >= seconds) return [0, seconds];
  const start = Math.min(Math.max(0, second - random.integer(0, length - 1)), seconds - length);
  return [start, start + length];
}

/** As in MMPT: grown from a whole second, to a random side each time. */
function grownClip(text: [number, number], seconds: number, length: number, random: Random): [number, number] {
  const [low, high] = [Math.floor(text[0]), Math.ceil(text[1])];
  const drawn = low < high ? random.integer(low, high) : Math.floor((low + high) / 2);
  let start = Math.min(Math.max(0, drawn), seconds - 1);
  let end = start;
  while (end - start < length && end - start < seconds) {
    if (start <= 0) end++;
    else if (end >= seconds || random.coin()) start--;
    else end++;
  }
  return [start, end];
}

/** Seconds that the two clips share. */
export function pairOverlap({ text, video }: ClipPair): number {
  return Math.min(text[1], video[1]) - Math.max(text[0], video[0]);
}
