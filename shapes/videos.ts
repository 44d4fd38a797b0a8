// Videos of several events with timed captions, and the candidates of the evaluations. All of it is a function of a seed.
import { Random } from "../dist/base/random.js";
import { background, draw, pose, RATE, SIDE, stage } from "./render.js";
import { COLOURS, describe, type Event, EVENTS, isHeldOut, MOTIONS, SHAPES, SIZES } from "./world.js";

/** An event of a video, from `start` to `end` in whole seconds. */
export interface TimedEvent {
  event: Event;
  start: number;
  end: number;
  text: string;
}

export interface ShapesVideo {
  seconds: number;
  events: TimedEvent[];
  /** Key of its generator: the background and how the events are staged. */
  seed: number;
  stream: number;
  index: number;
}

/** Streams of the generator, one for each use, so that no two uses share a draw. */
const STREAMS = { train: 1, heldOut: 2, motion: 3, long: 4 } as const;

const pickEvent = (random: Random, allowed: (event: Event) => boolean): Event => {
  for (;;) {
    const event = EVENTS[random.integer(0, EVENTS.length - 1)];
    if (allowed(event)) return event;
  }
};

/** Several events, 3 to 5 s each, with up to 1 s of empty background between them. */
function sequence(random: Random, seconds: number, allowed: (event: Event) => boolean): TimedEvent[] {
  const events: TimedEvent[] = [];
  for (let start = random.integer(0, 1); start + 3 <= seconds; start += random.integer(0, 1)) {
    const end = Math.min(seconds, start + random.integer(3, 5));
    const event = pickEvent(random, allowed);
    events.push({ event, start, end, text: describe(event, random) });
    start = end;
  }
  return events;
}

/** Training video `index`: 12 to 24 s, only combinations that are not held out. */
export function trainingVideo(seed: number, index: number): ShapesVideo {
  const random = new Random(seed, STREAMS.train, index);
  const seconds = random.integer(12, 24);
  return { seconds, events: sequence(random, seconds, (e) => !isHeldOut(e)), seed, stream: STREAMS.train, index };
}

function single(seed: number, stream: number, index: number, event: Event): ShapesVideo {
  const random = new Random(seed, stream, index);
  return { seconds: 4, events: [{ event, start: 0, end: 4, text: describe(event, random) }], seed, stream, index };
}

/** Videos of one event each, no two of the same event: held-out combinations that differ in at least one attribute. */
export function heldOutCandidates(seed: number, count = 256): ShapesVideo[] {
  const random = new Random(seed, STREAMS.heldOut, 0xffffffff);
  const events = random.sample(EVENTS.filter(isHeldOut), count);
  return events.map((event, index) => single(seed, STREAMS.heldOut, index, event));
}

/** Groups of videos of one object (held out with at least one of its motions) that differ in the motion alone. */
export function motionGroups(seed: number, groups = 26): ShapesVideo[][] {
  const random = new Random(seed, STREAMS.motion, 0xffffffff);
  const objects = COLOURS.flatMap((colour) =>
    SHAPES.flatMap((shape) => SIZES.map((size) => ({ colour, shape, size }))),
  );
  return random
    .sample(objects, groups)
    .map((object, g) =>
      MOTIONS.map((motion, m) => single(seed, STREAMS.motion, g * MOTIONS.length + m, { ...object, motion })),
    );
}

/** Videos of 20 s with several held-out events, each event once in its video: for localisation. */
export function longVideos(seed: number, count = 64): ShapesVideo[] {
  return Array.from({ length: count }, (_, index) => {
    const random = new Random(seed, STREAMS.long, index);
    const seen = new Set<Event>();
    const events = sequence(random, 20, (event) => {
      if (!isHeldOut(event) || seen.has(event)) return false;
      seen.add(event);
      return true;
    });
    return { seconds: 20, events, seed, stream: STREAMS.long, index };
  });
}

/** Frames of seconds `[from, to)`: u8 `[(to - from) * RATE, SIDE, SIDE, 3]`. */
export const renderSeconds = (video: ShapesVideo, from = 0, to = video.seconds): Uint8Array =>
  renderFrames(video, from * RATE, to * RATE);

/** Frames `[first, last)`: u8 `[last - first, SIDE, SIDE, 3]`. */
export function renderFrames(video: ShapesVideo, first: number, last: number): Uint8Array {
  const look = new Random(video.seed, video.stream + 100, video.index);
  const back = background(look);
  const stagings = video.events.map(({ event }) => stage(event, look));
  const size = SIDE * SIDE * 3;
  const frames = new Uint8Array((last - first) * size);
  for (let f = 0; f < last - first; f++) {
    frames.set(back, f * size);
    const time = (first + f) / RATE;
    video.events.forEach(({ event, start, end }, i) => {
      if (time < start || time >= end) return;
      draw(frames, f * size, event, pose(event, stagings[i], time - start, end - start), stagings[i].shade);
    });
  }
  return frames;
}
