import type { ClipMaker, HeldFrame, StreamTimes } from "./clip_maker_types.js";
import { Clock, type TimeBase } from "./clock.js";
import { spreadIndices } from "./sampling.js";
import type { Clip, Preset } from "../types.js";

/** SlowFast's `video_reader` adds this many seconds to the end of a clip. */
const readerSlack = 1e-4;

/** Maximum bytes of decoded frames that wait for the end of their clip. */
const MAX_HELD_BYTES = 1 << 27;

/** A frame whose pixels are computed on demand. `users` are the clips that may still use it. */
interface StoredFrame {
  held: HeldFrame | undefined;
  pixels: Uint8Array | undefined;
  users: number;
  /** Whether a clip uses the frame if its number of frames is the expected one, or one more or less. */
  isLikely: boolean;
}

/** A clip that is being filled. */
interface OpenWindow {
  index: number;
  /** Ticks of its first frame, and of the first frame after it. */
  from: number;
  to: number;
  /** Ticks of its newest frame. */
  last: number;
  frames: StoredFrame[];
}

/**
 * Clips whose frames are evenly spread over the frames within their time: PyTorchVideo's `linspace` over the actual
 * frames, or SlowFast's over the expected number. The actual number is known only at the end of a clip. With the first
 * rule decoded frames wait for it, and pixels are computed only for those that are used. If the frames are large,
 * pixels of some are computed earlier, first of those that are likely to be used.
 */
export class SpreadClips implements ClipMaker {
  private readonly clock: Clock;
  private readonly isNominal: boolean;
  /** Seconds of a clip, its frames at the average rate, and that rate. */
  private readonly seconds: number;
  private readonly nominal: number;
  private readonly rate: number;
  /** For the rule with a nominal length: the indices of the used frames. */
  private readonly wanted: Set<number> | undefined;
  /** For the other rule: the indices of the frames that a clip of about the expected length uses. */
  private readonly likely = new Set<number>();
  /** Frames without pixels that wait for the end of a clip, oldest first, and their bytes. */
  private readonly waiting = new Set<StoredFrame>();
  private waitingBytes = 0;
  private open: OpenWindow[] = [];
  private next = 0;
  private newest: StoredFrame | undefined;
  /** Ticks up to which frames belong to clips. */
  private covered = 0;
  private readonly spare: Uint8Array[] = [];

  constructor(
    private readonly preset: Preset,
    private readonly times: StreamTimes,
    private readonly take: () => Uint8Array,
    private readonly maxHeldBytes = MAX_HELD_BYTES,
  ) {
    this.clock = new Clock(times.frameDuration, times);
    this.isNominal = preset.timeRule === "linspace-nominal";
    this.seconds = preset.frames / preset.fps;
    this.rate = times.rate ?? 1 / times.frameDuration;
    this.nominal = Math.max(1, this.seconds * this.rate);
    if (this.isNominal) this.wanted = new Set(spreadIndices(this.nominal - 1, preset.frames));
    const count = Math.round(this.nominal);
    for (const frames of [count - 1, count, count + 1]) {
      for (const place of spreadIndices(Math.max(0, frames - 1), preset.frames)) this.likely.add(place);
    }
  }

  get time(): number {
    return this.clock.time;
  }

  get lateness(): number {
    return this.clock.seconds(this.clock.lateness(this.times));
  }

  get frameDuration(): number {
    return this.clock.frameDuration;
  }

  get hasFrame(): boolean {
    return this.newest !== undefined;
  }

  *push(stamp: number | undefined, timeBase: TimeBase, hold: () => HeldFrame): Generator<Clip> {
    if (!this.clock.push(stamp, timeBase)) return;
    const at = this.clock.ticks + this.zero();
    while (this.open.length > 0 && this.open[0].to <= at) yield this.close();
    this.skipFar(at);
    for (let { from, to } = this.bounds(this.next); from <= at; { from, to } = this.bounds(this.next)) {
      this.open.push({ index: this.next++, from, to, last: -1, frames: [] });
      // a still that lasts longer than a clip: the previous frame is shown
      if (to <= at) yield this.close();
    }
    const frame: StoredFrame = { held: hold(), pixels: undefined, users: 1, isLikely: false };
    let isWanted = false;
    for (const window of this.open) {
      const place = window.frames.length;
      isWanted ||= this.wanted?.has(place) ?? false;
      frame.isLikely ||= this.likely.has(place);
      window.frames.push(frame);
      window.last = at;
      frame.users++;
    }
    if (isWanted) this.pixelsOf(frame);
    else if (this.wanted === undefined && frame.users > 1) this.keep(frame);
    this.replaceNewest(frame);
  }

  *finish(end: number): Generator<Clip> {
    const last = this.zero() + Math.max(end, this.clock.time) / this.clock.seconds(1);
    const slack = 1e-6 / this.clock.seconds(1) + 0.5;
    while (this.open.length > 0 && this.open[0].to <= last + slack) yield this.close();
    const isFirst = this.newest !== undefined && this.next === 0;
    if (isFirst) this.open.push({ index: this.next++, ...this.bounds(0), last: 0, frames: [] });
    // an incomplete clip is emitted only for frames that no earlier clip has
    if (this.open.length > 0 && this.open[0].last >= this.covered) yield this.close(last);
    this.free();
  }

  free(): void {
    for (const { frames } of this.open.splice(0)) for (const frame of frames) this.release(frame);
    if (this.newest !== undefined) this.release(this.newest);
    this.newest = undefined;
  }

  /** Ticks from time 0 of the preset's rule to the first frame. */
  private zero(): number {
    return this.preset.timeZero === "container" ? this.clock.lateness(this.times) : this.clock.skipped(this.times);
  }

  /** Ticks of the first frame of a clip and of the first frame after it, in the arithmetic of the reference. */
  private bounds(index: number): { from: number; to: number } {
    const { frames, stride } = this.preset;
    const tick = this.clock.timeBase.num / this.clock.timeBase.den;
    const first = (index * stride) / frames;
    if (this.isNominal) {
      const perFrame = 1 / tick / this.rate;
      const start = first * this.nominal;
      const last = Math.trunc((start + this.nominal - 1) * perFrame) + readerSlack / tick;
      return { from: Math.trunc(start * perFrame), to: Math.floor(last) + 1 };
    }
    const end = (index * stride + frames) / frames;
    return { from: Math.ceil((first * this.seconds) / tick), to: Math.ceil((end * this.seconds) / tick) };
  }

  /** Skips clips that ended long before the first frame. */
  private skipFar(at: number): void {
    if (this.newest !== undefined) return;
    while (this.bounds(this.next).to <= at) this.next++;
  }

  /** Completes the first of the open clips. `end`: ticks of the end of the video within it. */
  private close(end?: number): Clip {
    const { preset, clock } = this;
    const window = this.open.shift() as OpenWindow;
    const frames = window.frames.length > 0 ? window.frames : [this.newest as StoredFrame];
    const clip = this.take();
    const { places, padded } = this.placesIn(frames.length, end !== undefined);
    const bytes = preset.crop * preset.crop * 3;
    places.forEach((place, k) => clip.set(this.pixelsOf(frames[Math.min(place, frames.length - 1)]), k * bytes));
    if (preset.pad === "zero" && padded > 0) clip.fill(0, (preset.frames - padded) * bytes);
    for (const frame of window.frames) this.release(frame);
    this.covered = Math.max(this.covered, window.to);
    const offset = clock.seconds(clock.lateness(this.times) - this.zero());
    const start = offset + (window.index * preset.stride) / preset.fps;
    const whole = start + this.seconds;
    return {
      index: window.index,
      start,
      end: end === undefined ? whole : Math.min(whole, offset + clock.seconds(end)),
      frames: clip,
      paddedFrames: padded,
    };
  }

  /** Indices of a clip's used frames, and the number of trailing ones beyond the end of the video. */
  private placesIn(count: number, isLast: boolean): { places: number[]; padded: number } {
    const isWhole = !isLast || this.preset.pad === "spread";
    const length = this.isNominal ? this.nominal : isWhole ? count : Math.max(count, Math.round(this.nominal));
    const places = spreadIndices(length - 1, this.preset.frames);
    return { places, padded: isLast ? places.filter((place) => place >= count).length : 0 };
  }

  /** Keeps a frame that clips may use, within the limit of memory. */
  private keep(frame: StoredFrame): void {
    this.waiting.add(frame);
    this.waitingBytes += frame.held?.bytes ?? 0;
    while (this.waitingBytes > this.maxHeldBytes) {
      let first: StoredFrame | undefined;
      for (const each of this.waiting) {
        first ??= each;
        if (!each.isLikely) continue;
        first = each;
        break;
      }
      this.pixelsOf(first as StoredFrame);
    }
  }

  private pixelsOf(frame: StoredFrame): Uint8Array {
    if (frame.pixels === undefined) {
      frame.pixels = this.spare.pop() ?? new Uint8Array(this.preset.crop * this.preset.crop * 3);
      frame.held?.write(frame.pixels);
      this.letGo(frame);
    }
    return frame.pixels;
  }

  /** Frees a decoded frame. */
  private letGo(frame: StoredFrame): void {
    if (this.waiting.delete(frame)) this.waitingBytes -= frame.held?.bytes ?? 0;
    frame.held?.free();
    frame.held = undefined;
  }

  private replaceNewest(frame: StoredFrame): void {
    const before = this.newest;
    this.newest = frame;
    if (before === undefined) return;
    // with the nominal rule, a frame whose pixels were not computed while it was the newest is never used
    if (this.wanted !== undefined && before.pixels === undefined) this.letGo(before);
    this.release(before);
  }

  private release(frame: StoredFrame): void {
    if (--frame.users > 0) return;
    this.letGo(frame);
    if (frame.pixels !== undefined) this.spare.push(frame.pixels);
  }
}
