// What a model must beat: answers that need no understanding of shape or motion.
import { Random } from "../dist/base/random.js";
import { SIDE } from "./render.js";
import { renderSeconds, type ShapesVideo, trainingVideo } from "./videos.js";

/** Mean colour over all pixels of some seconds of a video: `[3]`, 0 to 255. */
export function meanColour(video: ShapesVideo, from = 0, to = video.seconds): [number, number, number] {
  const frames = renderSeconds(video, from, to);
  const sum: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < frames.length; i++) sum[i % 3] += frames[i];
  return sum.map((v) => (v * 3) / frames.length) as [number, number, number];
}

/** Mean colour of an event of training videos by `colour size`, over those that 500 videos have. */
export function colourPrototypes(seed: number): Map<string, number[]> {
  const sums = new Map<string, number[]>();
  for (let i = 0; i < 500; i++) {
    const video = trainingVideo(seed, i);
    for (const entry of video.events) {
      const { colour, size } = entry.event;
      const key = `${colour} ${size}`;
      const sum = sums.get(key) ?? [0, 0, 0, 0];
      const mean = meanColour(video, entry.start, entry.end);
      sums.set(
        key,
        sum.map((v, c) => v + (mean[c] ?? 1)),
      );
    }
  }
  return new Map([...sums].map(([key, [r, g, b, count]]) => [key, [r / count, g / count, b / count]]));
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
  const means = videos.map((video) => meanColour(video));
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
