// Frames of an event: one object over a textured background, 8-bit RGB.
import { Random } from "../dist/base/random.js";
import type { Colour, Event, Shape, Size } from "./world.js";

export const SIDE = 64;
/** Frames per second. */
export const RATE = 8;

const RGB: Record<Colour, readonly [number, number, number]> = {
  red: [225, 35, 35],
  orange: [245, 140, 20],
  yellow: [245, 230, 50],
  green: [40, 190, 60],
  cyan: [50, 215, 225],
  blue: [45, 75, 235],
  purple: [165, 50, 205],
  white: [245, 245, 245],
};

/** Half the width of an object in pixels. */
const RADIUS: Record<Size, number> = { small: 7, medium: 11, large: 16 };

/** Whether a point is inside a shape of radius 1 around the origin, y downwards. None of them looks the same when turned. */
const INSIDE: Record<Shape, (x: number, y: number) => boolean> = {
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.78,
  triangle: (x, y) => y < 0.62 && y > -1 + 1.85 * Math.abs(x),
  star: (x, y) => {
    // five points: the radius swings between 1 and 0.42
    const turn = (Math.atan2(x, -y) / (2 * Math.PI)) * 5;
    const part = Math.abs(turn - Math.round(turn)) * 2;
    return Math.hypot(x, y) < 1 / (1 + part * 1.4);
  },
  cross: (x, y) => Math.max(Math.abs(x), Math.abs(y)) < 0.95 && Math.min(Math.abs(x), Math.abs(y)) < 0.3,
  crescent: (x, y) => Math.hypot(x, y) < 0.95 && Math.hypot(x - 0.5, y) > 0.7,
  arrow: (x, y) => (x < 0.1 ? Math.abs(y) < 0.28 && x > -0.95 : Math.abs(y) < 0.85 * (1 - (x - 0.1) / 0.88)),
};

/** Grey to faintly coloured texture `[SIDE, SIDE, 3]`: stripes, checks, smooth noise or a slope. */
export function background(random: Random): Uint8Array {
  const kind = random.integer(0, 3);
  const base = 60 + 90 * random.uniform();
  const contrast = 15 + 25 * random.uniform();
  const tint = [0, 1, 2].map(() => 1 + 0.16 * (random.uniform() - 0.5));
  const angle = random.uniform() * Math.PI;
  const period = 6 + 14 * random.uniform();
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const lattice = Array.from({ length: 100 }, () => 2 * random.uniform() - 1);
  const smooth = (x: number, y: number) => {
    const [u, v] = [(x / SIDE) * 8, (y / SIDE) * 8];
    const [i, j] = [Math.floor(u), Math.floor(v)];
    const [p, q] = [u - i, v - j];
    const at = (a: number, b: number) => lattice[b * 10 + a];
    return (at(i, j) * (1 - p) + at(i + 1, j) * p) * (1 - q) + (at(i, j + 1) * (1 - p) + at(i + 1, j + 1) * p) * q;
  };
  const value = [
    (x: number, y: number) => Math.sin(((x * cos + y * sin) / period) * 2 * Math.PI),
    (x: number, y: number) => ((Math.floor(x / period) + Math.floor(y / period)) % 2) * 2 - 1,
    smooth,
    (x: number, y: number) => ((x * cos + y * sin) / SIDE) * 1.4,
  ][kind];
  const out = new Uint8Array(SIDE * SIDE * 3);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const grey = base + contrast * value(x, y);
      for (let c = 0; c < 3; c++) out[(y * SIDE + x) * 3 + c] = Math.max(0, Math.min(255, grey * tint[c]));
    }
  }
  return out;
}

/** Where an object is, how it is turned (radians, clockwise) and how solid it is (0 to 1). */
export interface Pose {
  x: number;
  y: number;
  turn: number;
  alpha: number;
}

/** What is drawn once per event: places, speeds, shades. */
export interface Staging {
  x: number;
  y: number;
  turn: number;
  speed: number;
  phase: number;
  shade: number;
}

export function stage(event: Event, random: Random): Staging {
  const room = SIDE - 2 * RADIUS[event.size];
  return {
    x: RADIUS[event.size] + room * random.uniform(),
    y: RADIUS[event.size] + room * random.uniform(),
    turn: 2 * Math.PI * random.uniform(),
    speed: 0.8 + 0.4 * random.uniform(),
    phase: random.uniform(),
    shade: 0.85 + 0.15 * random.uniform(),
  };
}

/** The pose at `time` seconds of an event of `seconds`. */
export function pose({ size, motion }: Event, s: Staging, time: number, seconds: number): Pose {
  const share = time / seconds;
  const low = RADIUS[size];
  const high = SIDE - RADIUS[size];
  const across = low + (high - low) * Math.min(1, share * s.speed * 1.05);
  const wave = Math.sin(2 * Math.PI * (time * 0.9 * s.speed + s.phase));
  const rest: Pose = { x: s.x, y: s.y, turn: s.turn, alpha: 1 };
  switch (motion) {
    case "left":
      return { ...rest, x: SIDE - across };
    case "right":
      return { ...rest, x: across };
    case "up":
      return { ...rest, y: SIDE - across };
    case "down":
      return { ...rest, y: across };
    case "clockwise":
      return { ...rest, turn: s.turn + 1.9 * s.speed * time };
    case "anticlockwise":
      return { ...rest, turn: s.turn - 1.9 * s.speed * time };
    case "appear":
      return { ...rest, alpha: Math.min(1, share * 1.15) };
    case "vanish":
      return { ...rest, alpha: Math.max(0, 1 - share * 1.15) };
    case "swing":
      return { ...rest, x: (low + high) / 2 + ((high - low) / 2) * 0.8 * wave };
    case "jump":
      return { ...rest, y: (low + high) / 2 + ((high - low) / 2) * 0.8 * wave };
  }
}

/** Draws the object into a frame `[SIDE, SIDE, 3]` at `at`, edges smoothed by 2 x 2 samples a pixel. */
export function draw(frames: Uint8Array, at: number, event: Event, { x, y, turn, alpha }: Pose, shade: number): void {
  const radius = RADIUS[event.size];
  const inside = INSIDE[event.shape];
  const colour = RGB[event.colour];
  const [cos, sin] = [Math.cos(-turn) / radius, Math.sin(-turn) / radius];
  const first = (centre: number) => Math.max(0, Math.floor(centre - radius - 1));
  const last = (centre: number) => Math.min(SIDE - 1, Math.ceil(centre + radius + 1));
  for (let row = first(y); row <= last(y); row++) {
    for (let column = first(x); column <= last(x); column++) {
      let hits = 0;
      for (let sample = 0; sample < 4; sample++) {
        const dx = column + 0.25 + 0.5 * (sample & 1) - x;
        const dy = row + 0.25 + 0.5 * (sample >> 1) - y;
        if (inside(cos * dx - sin * dy, sin * dx + cos * dy)) hits++;
      }
      if (hits === 0) continue;
      const weight = (alpha * hits) / 4;
      const place = at + (row * SIDE + column) * 3;
      for (let c = 0; c < 3; c++) {
        frames[place + c] = Math.round(frames[place + c] * (1 - weight) + colour[c] * shade * weight);
      }
    }
  }
}
