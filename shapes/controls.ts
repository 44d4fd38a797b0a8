// What a model must beat: answers that need no understanding of shape or motion.
import { Random } from "../dist/random.js";
import { SIDE } from "./render.js";
import { renderSeconds, type ShapesVideo } from "./videos.js";

/** Mean colour over all pixels of a video: `[3]`, 0 to 255. */
export function meanColour(video: ShapesVideo): [number, number, number] {
  const frames = renderSeconds(video);
  const sum: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < frames.length; i++) sum[i % 3] += frames[i];
  return sum.map((v) => (v * 3) / frames.length) as [number, number, number];
}

/**
 * Control 1: the nearest caption by mean colour. The score of a text and a video is minus the distance between the video's mean
 * colour and the mean over training videos whose caption names the same colour word and size.
 * @param prototypes mean colours by `colour size`, from training videos
 * @returns similarity `[texts, videos]`
 */
export function meanColourSimilarity(
  videos: readonly ShapesVideo[],
  prototypes: ReadonlyMap<string, readonly number[]>,
): Float64Array {
  const means = videos.map(meanColour);
  const out = new Float64Array(videos.length ** 2);
  videos.forEach(({ events: [{ event }] }, text) => {
    const prototype = prototypes.get(`${event.colour} ${event.size}`)!;
    means.forEach((mean, video) => {
      out[text * videos.length + video] = -Math.hypot(...mean.map((v, c) => v - prototype[c]));
    });
  });
  return out;
}

/** Control 2: the frames of a video in random order, over its whole length: what is left is how things look. */
export function shuffleFrames(frames: Uint8Array, random: Random): Uint8Array {
  const size = SIDE * SIDE * 3;
  const order = random.shuffle(Array.from({ length: frames.length / size }, (_, i) => i));
  const out = new Uint8Array(frames.length);
  order.forEach((from, to) => out.set(frames.subarray(from * size, (from + 1) * size), to * size));
  return out;
}
