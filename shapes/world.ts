// The world of `shapes`: which events there are, how they are said, and which combinations are never trained on.
import { Random } from "../dist/base/random.js";

export const COLOURS = ["red", "orange", "yellow", "green", "cyan", "blue", "purple", "white"] as const;
export const SHAPES = ["square", "triangle", "star", "cross", "crescent", "arrow"] as const;
export const SIZES = ["small", "medium", "large"] as const;
export const MOTIONS = [
  "left",
  "right",
  "up",
  "down",
  "clockwise",
  "anticlockwise",
  "appear",
  "vanish",
  "swing",
  "jump",
] as const;

export type Colour = (typeof COLOURS)[number];
export type Shape = (typeof SHAPES)[number];
export type Size = (typeof SIZES)[number];
export type Motion = (typeof MOTIONS)[number];

/** What one object does. Every attribute can be seen, and is said. */
export interface Event {
  colour: Colour;
  shape: Shape;
  size: Size;
  motion: Motion;
}

/** All 1,440 events. */
export const EVENTS: readonly Event[] = COLOURS.flatMap((colour) =>
  SHAPES.flatMap((shape) => SIZES.flatMap((size) => MOTIONS.map((motion) => ({ colour, shape, size, motion })))),
);

/**
 * The held-out rule: a fifth of the combinations of colour, shape and motion, in every size, is never trained on. It is a
 * Latin design: each colour with each shape, each colour with each motion and each shape with each motion is seen in training,
 * only not all three together.
 */
export function isHeldOut({ colour, shape, motion }: Event): boolean {
  return (COLOURS.indexOf(colour) + 2 * SHAPES.indexOf(shape) + 3 * MOTIONS.indexOf(motion)) % 5 === 0;
}

const SIZE_WORDS: Record<Size, readonly string[]> = {
  small: ["small", "little", "tiny"],
  medium: ["medium", "middle sized"],
  large: ["large", "big", "huge"],
};

const MOTION_WORDS: Record<Motion, readonly string[]> = {
  left: ["moves left", "goes to the left", "slides to the left side"],
  right: ["moves right", "goes to the right", "slides to the right side"],
  up: ["moves up", "goes upwards", "rises to the top"],
  down: ["moves down", "goes downwards", "sinks to the bottom"],
  clockwise: ["turns clockwise", "spins clockwise"],
  anticlockwise: ["turns anticlockwise", "spins anticlockwise"],
  appear: ["appears", "fades in", "comes into view"],
  vanish: ["vanishes", "fades out", "goes out of view"],
  swing: ["swings from side to side", "sways left and right"],
  jump: ["jumps up and down", "hops up and down"],
};

const FRAMES = [
  "a {object} {motion}",
  "the {object} {motion}",
  "{motion} the {object}",
  "there is a {object} that {motion}",
];

/** A sentence about an event, by the grammar. Every sentence names all four attributes. */
export function describe({ colour, shape, size, motion }: Event, random: Random): string {
  const pick = <T>(items: readonly T[]): T => items[random.integer(0, items.length - 1)];
  const object = `${pick(SIZE_WORDS[size])} ${colour} ${shape}`;
  return pick(FRAMES).replace("{object}", object).replace("{motion}", pick(MOTION_WORDS[motion]));
}

/** Every word of the grammar. */
export function vocabulary(): string[] {
  const texts = [
    ...COLOURS,
    ...SHAPES,
    ...Object.values(SIZE_WORDS).flat(),
    ...Object.values(MOTION_WORDS).flat(),
    ...FRAMES,
  ];
  const words = texts.flatMap((text) => text.replace(/\{\w+\}/g, " ").split(/\s+/));
  return [...new Set(words.filter((word) => word !== ""))].sort();
}
