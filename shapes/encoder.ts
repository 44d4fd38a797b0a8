// The video encoder's own training: it is to tell what a clip of a second shows, attribute by attribute. Captions come later.
import { crossEntropy } from "../dist/nn/losses.js";
import * as nn from "../dist/nn/layers.js";
import { videoOutput } from "../dist/models/video/video_models.js";
import { Random } from "../dist/base/random.js";
import type { Batch, Task } from "../dist/train/task.js";
import { RATE, SIDE } from "./render.js";
import { renderFrames, type ShapesVideo, trainingVideo } from "./videos.js";
import { COLOURS, MOTIONS, SHAPES, SIZES } from "./world.js";

/** Frames of a clip: a second. */
export const CLIP = RATE;
const NOTHING = -100;

/** Classes of each head; the last of `motion` is an empty background, whose other attributes do not count. */
export const HEADS = {
  colour: COLOURS.length,
  shape: SHAPES.length,
  size: SIZES.length,
  motion: MOTIONS.length + 1,
} as const;
type Attribute = keyof typeof HEADS;
const ATTRIBUTES = Object.keys(HEADS) as Attribute[];

/** Cross-entropies of the four attributes, added. Inputs: `video` f32 `[N, 8, 64, 64, 3]`, and i32 `[N]` for each. */
export const attributesTask: Task = {
  forward: ({ video, ...labels }) => {
    const features = videoOutput(video, "s3d-tiny", "features");
    const losses = ATTRIBUTES.map((name) =>
      crossEntropy(nn.linear(features, `heads.${name}`, HEADS[name]), labels[name]),
    );
    const loss = losses.reduce((a, b) => nn.binary(a, b, "add"));
    return { loss, ...Object.fromEntries(ATTRIBUTES.map((name, i) => [name, losses[i]])) };
  },
};

/** Logits of the four attributes. */
export const attributeLogits = (video: Parameters<typeof videoOutput>[0]) => {
  const features = videoOutput(video, "s3d-tiny", "features");
  return Object.fromEntries(ATTRIBUTES.map((name) => [name, nn.linear(features, `heads.${name}`, HEADS[name])]));
};

/** What a clip that begins at `frame` shows. */
function labels(video: ShapesVideo, frame: number): Record<Attribute, number> {
  const [from, to] = [frame / RATE, (frame + CLIP) / RATE];
  const found = video.events.find(({ start, end }) => start <= from && end >= to)?.event;
  if (!found) return { colour: NOTHING, shape: NOTHING, size: NOTHING, motion: MOTIONS.length };
  return {
    colour: COLOURS.indexOf(found.colour),
    shape: SHAPES.indexOf(found.shape),
    size: SIZES.indexOf(found.size),
    motion: MOTIONS.indexOf(found.motion),
  };
}

/** Whether a clip shows one event all through, or none. */
function clear(video: ShapesVideo, frame: number): boolean {
  const [from, to] = [frame / RATE, (frame + CLIP) / RATE];
  return video.events.every(({ start, end }) => (start <= from && end >= to) || end <= from || start >= to);
}

/**
 * Batch `index`: clips of training videos, one of each, that begin at any frame. Pixels are scaled to [-1, 1] and
 * each colour is shifted a little, as codecs do.
 */
export function attributesBatch(seed: number, index: number, size: number): Batch {
  const pixels = CLIP * SIDE * SIDE * 3;
  const video = new Float32Array(size * pixels);
  const targets = Object.fromEntries(ATTRIBUTES.map((name) => [name, new Int32Array(size)]));
  for (let i = 0; i < size; i++) {
    const number = index * size + i;
    const source = trainingVideo(seed, number);
    const random = new Random(seed, 50, number);
    let frame: number;
    do frame = random.integer(0, source.seconds * RATE - CLIP);
    while (!clear(source, frame));
    const bytes = renderFrames(source, frame, frame + CLIP);
    const shift = [0, 1, 2].map(() => 0.06 * (random.uniform() - 0.5));
    for (let p = 0; p < pixels; p++) video[i * pixels + p] = bytes[p] / 127.5 - 1 + shift[p % 3];
    for (const [name, value] of Object.entries(labels(source, frame))) targets[name][i] = value;
  }
  return {
    examples: size,
    inputs: {
      video: { data: video, shape: [size, CLIP, SIDE, SIDE, 3] },
      ...Object.fromEntries(ATTRIBUTES.map((name) => [name, { data: targets[name], shape: [size] }])),
    },
  };
}
