// Time rules choose the frames of clips: by time, by number, or spread over a clip; the origin of time; clips that end
// early.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { clipMaker } from "#lib/video/clips/clip_maker.js";
import type { ClipMaker, StreamTimes } from "#lib/video/clips/clip_maker_types.js";
import { Clock } from "#lib/video/clips/clock.js";
import { resolvePreset } from "#lib/video/presets.js";
import { FramesByIndex, NearestFrames, spreadIndices } from "#lib/video/clips/sampling.js";
import { SpreadClips } from "#lib/video/clips/spread_clips.js";
import type { Clip, Preset } from "#lib/video/types.js";

const test = suite("time rules");

const milliseconds = { num: 1, den: 1000 };

interface Taken extends Omit<Clip, "frames"> {
  frames: number[];
}

const valuesOf = (pixels: Uint8Array) =>
  Array.from({ length: pixels.length / 3 }, (_, i) => pixels[3 * i] + 256 * pixels[3 * i + 1]);

/** Clips of one pixel each, from frames whose value is their number, starting with 1. */
function clipsOf(
  preset: Preset,
  stamps: (number | undefined)[],
  end: number,
  times: Partial<StreamTimes> = {},
  make: (preset: Preset, times: StreamTimes) => ClipMaker = clipMaker,
  writes: number[] = [],
): Taken[] {
  const maker = make({ ...preset, crop: 1 }, { frameDuration: 0.1, ...times });
  const clips: Clip[] = [];
  const held = new Set<number>();
  stamps.forEach((stamp, i) => {
    const hold = () => {
      held.add(i);
      const write = (to: Uint8Array) => {
        assert.ok(held.has(i), `frame ${i} was freed`);
        writes.push(i + 1);
        to.set([(i + 1) & 255, (i + 1) >> 8, 0]);
      };
      return { bytes: 1, write, free: () => assert.ok(held.delete(i), `frame ${i} was freed twice`) };
    };
    clips.push(...maker.push(stamp, milliseconds, hold));
  });
  clips.push(...maker.finish(end));
  maker.free();
  assert.is(held.size, 0, "every frame is freed");
  return clips.map((clip) => ({ ...clip, frames: valuesOf(clip.frames) }));
}

const every = (step: number, count: number, first = 0) => Array.from({ length: count }, (_, i) => first + step * i);
const preset = (name: string, frames: number, fps: number, more: Partial<Preset> = {}): Preset => ({
  ...resolvePreset(name, { frames, fps }),
  ...more,
});

test("by time: frames are chosen as by ffmpeg's filter fps, with halves rounded up", () => {
  const chooser = new NearestFrames(2);
  assert.equal([0.25, 0.5, 0.74, 0.75, 2.1].map((t) => chooser.advance(t)), [1, 0, 0, 1, 2]); // prettier-ignore
  assert.is(chooser.finish(2.8), 2);
  assert.is(new NearestFrames(1).finish(0.1), 1, "a video has at least one frame");
});

test("by number: indices equal torchvision's", () => {
  const indices = (rate: number, count: number) => {
    const chooser = new FramesByIndex(rate / 15);
    return Array.from({ length: count }, (_, i) => Array.from({ length: chooser.advance() }, () => i)).flat();
  };
  assert.equal(indices(30000 / 1001, 12), [0, 1, 3, 5, 7, 9, 11]);
  assert.equal(indices(25, 12), [0, 1, 3, 5, 6, 8, 10, 11]);
  assert.equal(indices(30, 12), [0, 2, 4, 6, 8, 10]);
  assert.equal(indices(12, 8), [0, 0, 1, 2, 3, 4, 4, 5, 6, 7]);
});

test("spread: indices equal the publishers'", () => {
  assert.equal(spreadIndices(77, 13), [0, 6, 12, 19, 25, 32, 38, 44, 51, 57, 64, 70, 77]);
  assert.equal(spreadIndices(47, 4), [0, 15, 31, 47]);
  assert.equal(spreadIndices(39, 4), [0, 13, 26, 39]);
  assert.equal(spreadIndices(46.952, 4), [0, 15, 31, 46]);
  assert.equal(spreadIndices(3, 8), [0, 0, 0, 1, 1, 2, 2, 3]);
  assert.equal(spreadIndices(5, 1), [0]);
});

test("time stamps stay exact after ten hours", () => {
  const clock = new Clock(1 / 30);
  const timeBase = { num: 1, den: 90000 };
  const first = 36000 * 90000;
  clock.push(0, timeBase);
  clock.push(3000 * 90000, timeBase);
  for (let hour = 3000; hour <= 36000; hour += 3000) clock.push(hour * 90000, timeBase);
  const chooser = new NearestFrames(30);
  chooser.advance(clock.time);
  for (let i = 1; i < 1000; i++) {
    assert.ok(clock.push(first + 3000 * i, timeBase));
    assert.is(chooser.advance(clock.time), 1);
  }
});

test("jitter is skipped, and a new time base is accepted", () => {
  const clock = new Clock(0.1);
  const pushed = [5000, 5100, 5050, 5100, 5200, 900, 1000, undefined, 8_000_000].map((stamp) => [
    clock.push(stamp, milliseconds),
    clock.ticks,
  ]);
  const kept = [0, 100, 100, 100, 200, 300, 400, 500, 600];
  assert.equal(pushed.map(([, ticks]) => ticks), kept); // prettier-ignore
  assert.equal(pushed.map(([isKept]) => isKept), [true, true, false, false, true, true, true, true, true]); // prettier-ignore
});

test("if sound begins earlier, the container's zero repeats the first frame, and all clips share one time line", () => {
  const stamps = every(100, 6, 300);
  const late = { containerStart: 0, streamStart: { ticks: 300, timeBase: milliseconds } };
  const byTime = preset("s3dg", 4, 10);
  assert.equal(
    clipsOf(byTime, stamps, 0.6, late).map(({ frames }) => frames),
    [
      [1, 1, 1, 1],
      [2, 3, 4, 5],
      [6, 0, 0, 0],
    ],
  );
  const fromFirst = clipsOf({ ...byTime, timeZero: "first-frame" }, stamps, 0.6, late);
  assert.equal(fromFirst.map(({ frames, start }) => [start, ...frames]), [[0.3, 1, 2, 3, 4], [0.7, 5, 6, 0, 0]]); // prettier-ignore
  const spread = clipsOf(preset("x3d-xs", 3, 10), stamps, 0.6, late);
  assert.equal(spread.map(({ frames, start }) => [Math.round(start * 10), ...frames]), [[3, 1, 2, 3], [6, 4, 5, 6]]); // prettier-ignore
  const nominal = clipsOf(preset("x3d-xs-slowfast", 4, 10), stamps, 0.6, late);
  assert.equal(nominal[0], { index: 0, start: 0, end: 0.4, frames: [1, 1, 1, 1], paddedFrames: 0 });
});

test("linspace: frames are spread over a clip, and over the remaining frames in the last clip", () => {
  const three = preset("x3d-xs", 3, 5); // clips of 0.6 s
  const clips = clipsOf(three, every(100, 14), 1.4);
  const rounded = clips.map((clip) => ({ ...clip, end: Number(clip.end.toFixed(9)) }));
  assert.equal(rounded, [
    { index: 0, start: 0, end: 0.6, frames: [1, 3, 6], paddedFrames: 0 },
    { index: 1, start: 0.6, end: 1.2, frames: [7, 9, 12], paddedFrames: 0 },
    { index: 2, start: 1.2, end: 1.4, frames: [13, 13, 14], paddedFrames: 0 },
  ]);
  const filled = (pad: "repeat" | "zero") => clipsOf({ ...three, pad }, every(100, 14), 1.4)[2];
  assert.equal([filled("repeat").frames, filled("repeat").paddedFrames], [[13, 14, 14], 2]);
  assert.equal(filled("zero").frames, [13, 0, 0]);
});

test("linspace: a video can end with a clip or have a single frame", () => {
  const three = preset("x3d-xs", 3, 5);
  const whole = clipsOf(three, every(100, 6), 0.6);
  assert.equal(whole.map(({ frames, paddedFrames }) => [frames, paddedFrames]), [[[1, 3, 6], 0]]); // prettier-ignore
  assert.equal(clipsOf(three, [undefined], 0.1).map(({ frames }) => frames), [[1, 1, 1]]); // prettier-ignore
});

test("linspace: a frame that lasts longer than a clip is repeated in it", () => {
  const clips = clipsOf(preset("x3d-xs", 3, 5), [0, 100, 2000, 2100], 2.2);
  assert.equal(
    clips.map(({ index, frames }) => [index, ...frames]),
    [
      [0, 1, 1, 2],
      [1, 2, 2, 2],
      [2, 2, 2, 2],
      [3, 3, 3, 4],
    ],
  );
});

test("linspace: clips can overlap or skip frames", () => {
  const overlapping = clipsOf({ ...preset("x3d-xs", 3, 5), stride: 1 }, every(100, 10), 1);
  assert.equal(overlapping.map(({ frames }) => frames), [[1, 3, 6], [3, 5, 8], [5, 7, 10]]); // prettier-ignore
  const apart = clipsOf({ ...preset("x3d-xs", 3, 5), stride: 5 }, every(100, 16), 1.6);
  assert.equal(apart.map(({ frames }) => frames), [[1, 3, 6], [11, 13, 16]]); // prettier-ignore
});

/** Time stamps of `count` frames at a rate, without the missing frames. */
const atRate = (rate: number, count: number, isThere = (_: number) => true) => {
  return Array.from({ length: count }, (_, i) => i).filter(isThere).map((i) => Math.round((i * 1000) / rate)); // prettier-ignore
};

for (const [name, rate, stamps] of [
  ["30 frames per second", 30, atRate(30, 400)],
  ["29.97", 30000 / 1001, atRate(30000 / 1001, 400)],
  ["24", 24, atRate(24, 300)],
  ["25", 25, atRate(25, 300)],
  ["60", 60, atRate(60, 600)],
  ["missing frames", 30, atRate(30, 400, (i) => i % 7 < 6 && (i < 100 || i > 130))],
  ["a clip of few frames", 30, atRate(30, 300, (i) => i < 80 || i > 150 || i % 30 === 0)],
  ["rates that change", 20, [...atRate(10, 50), ...atRate(50, 400).map((stamp) => 5000 + stamp)]],
  ["a wrong rate in the container", 12, atRate(30, 300)],
] as const) {
  test(`linspace, ${name}: the frames do not depend on the memory, and no others are converted`, () => {
    for (const stride of [13, 5, 20]) {
      const x3d = { ...preset("x3d-s", 13, 5), stride };
      const end = stamps.at(-1)! / 1000 + 0.03;
      const frames = (maxHeld: number, writes: number[] = []) => {
        const make = (tiny: Preset, times: StreamTimes) =>
          new SpreadClips(tiny, times, () => new Uint8Array(39), maxHeld);
        const clips = clipsOf(x3d, [...stamps], end, { rate, frameDuration: 1 / rate }, make, writes);
        return clips;
      };
      const writes: number[] = [];
      const clips = frames(1 << 20, writes);
      assert.ok(clips.length > 2);
      // the frames of a clip by the publisher's indices: those whose stamps are within it
      for (const { index, frames: taken, paddedFrames } of clips.slice(0, -1)) {
        const [from, to] = [index * stride, index * stride + 13].map((at) =>
          Math.ceil(((at / 13) * (13 / 5)) / (1 / 1000)),
        );
        const within = stamps.flatMap((stamp, i) => (stamp >= from && stamp < to ? [i + 1] : []));
        assert.is(paddedFrames, 0);
        assert.equal(taken, spreadIndices(within.length - 1, 13).map((place) => within[place]), `clip ${index}`); // prettier-ignore
      }
      const taken = new Set(clips.flatMap((clip) => clip.frames));
      assert.equal(
        [...new Set(writes)].sort((a, b) => a - b),
        [...taken].sort((a, b) => a - b),
      );
      assert.is(writes.length, taken.size, "each once");
      for (const maxHeld of [0, 1, 10, 40]) assert.equal(frames(maxHeld), clips, `${maxHeld} frames may wait`);
    }
  });
}

test("linspace: of frames that are too large to wait, mostly chosen ones are converted", () => {
  const x3d = preset("x3d-s", 13, 5);
  const writes: number[] = [];
  const make = (tiny: Preset, times: StreamTimes) => new SpreadClips(tiny, times, () => new Uint8Array(39), 60);
  const clips = clipsOf(x3d, atRate(30, 78 * 5), 13, { rate: 30, frameDuration: 1 / 30 }, make, writes);
  assert.is(clips.length, 5);
  assert.ok(writes.length < 5 * 39, `${writes.length} of ${78 * 5} frames were converted to pixels`);
});

test("linspace-nominal: frames are spread over the nominal number, and the last frame is repeated", () => {
  const clips = clipsOf(preset("x3d-xs-slowfast", 4, 5), every(100, 11), 1.1, { rate: 10 }); // clips of 8 frames
  assert.equal(
    clips.map(({ frames, paddedFrames }) => [frames, paddedFrames]),
    [
      [[1, 3, 5, 8], 0],
      [[9, 11, 11, 11], 2],
    ],
  );
});

test.run();
