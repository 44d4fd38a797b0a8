import { ClipAssembler } from "./clip_assembler.js";
import type { ClipMaker, HeldFrame, StreamTimes } from "./clip_maker_types.js";
import { clipBytes } from "./clip_memory.js";
import { Clock, type TimeBase } from "./clock.js";
import { type FrameChooser, FramesByIndex, NearestFrames } from "./sampling.js";
import { SpreadClips } from "./spread_clips.js";
import type { Clip, Preset } from "../types.js";

/** @param take - allocates memory for a clip, with arbitrary content */
export function clipMaker(
  preset: Preset,
  times: StreamTimes,
  take: () => Uint8Array = () => new Uint8Array(clipBytes(preset)),
): ClipMaker {
  const isSpread = preset.timeRule === "linspace" || preset.timeRule === "linspace-nominal";
  return isSpread ? new SpreadClips(preset, times, take) : new ChosenClips(preset, times, take);
}

/** Clips of frames that are chosen one after another, by the rules `nearest` and `index-floor`. */
class ChosenClips implements ClipMaker {
  private readonly clock: Clock;
  private readonly chooser: FrameChooser;
  private readonly assembler: ClipAssembler;
  private held: HeldFrame | undefined;

  constructor(
    private readonly preset: Preset,
    private readonly times: StreamTimes,
    take: () => Uint8Array,
  ) {
    this.clock = new Clock(times.frameDuration, times);
    const rate = times.rate ?? 1 / times.frameDuration;
    this.chooser =
      preset.timeRule === "index-floor" ? new FramesByIndex(rate / preset.fps) : new NearestFrames(preset.fps);
    this.assembler = new ClipAssembler(preset, take);
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
    return this.held !== undefined;
  }

  *push(stamp: number | undefined, timeBase: TimeBase, hold: () => HeldFrame): Generator<Clip> {
    if (!this.clock.push(stamp, timeBase)) return;
    if (this.held !== undefined) yield* this.emit(this.chooser.advance(this.sinceZero(this.clock.time)));
    this.held?.free();
    this.held = hold();
  }

  *finish(end: number): Generator<Clip> {
    yield* this.emit(this.chooser.finish(this.sinceZero(Math.max(end, this.clock.time))));
    const last = this.assembler.finish();
    if (last !== undefined) yield this.onTimeLine(last);
  }

  free(): void {
    this.held?.free();
    this.held = undefined;
  }

  /** Adds the held frame to clips. */
  private *emit(copies: number): Generator<Clip> {
    const { held, assembler } = this;
    if (copies === 0 || held === undefined) return;
    if (!assembler.needs(copies)) assembler.skip(copies);
    else for (const clip of assembler.push((to) => held.write(to), copies)) yield this.onTimeLine(clip);
  }

  private sinceZero(seconds: number): number {
    return this.preset.timeZero === "container" ? seconds + this.lateness : seconds;
  }

  private onTimeLine(clip: Clip): Clip {
    const offset = this.preset.timeZero === "container" ? 0 : this.lateness;
    return { ...clip, start: clip.start + offset, end: clip.end + offset };
  }
}
