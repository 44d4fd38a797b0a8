import { ClipAssembler } from "./clip_assembler.js";
import { clipBytes } from "./clip_memory.js";
import { Clock, type TimeBase, type TimeOrigin } from "./clock.js";
import { type FrameChooser, FramesByIndex, NearestFrames } from "./sampling.js";
import { SpreadClips } from "./spread_clips.js";
import type { Clip, Preset } from "../types.js";

/** A decoded frame that waits until it is known whether it is taken. */
export interface HeldFrame {
  /** Memory that it takes, about. */
  readonly bytes: number;
  /** Writes its pixels, u8 RGB `[crop, crop, 3]`. */
  write(to: Uint8Array): void;
  free(): void;
}

/** What the time rules need to know of a stream. */
export interface StreamTimes extends TimeOrigin {
  /** Nominal seconds per decoded frame: one over the average rate. */
  frameDuration: number;
  /** Average frames per second as the container gives them; undefined where it does not. */
  rate?: number | undefined;
}

/** Makes clips of the frames of one video, whichever decoder they come from. */
export interface ClipMaker {
  /** Of the newest frame, in seconds after the first. */
  readonly time: number;
  /** Seconds from the start of the container to the first frame. */
  readonly lateness: number;
  /** Whether a frame is held, that is, any has come. */
  readonly hasFrame: boolean;
  /**
   * Takes the time stamp of the next decoded frame, and yields the clips that are complete now. `hold` keeps the frame; it is
   * not called for a frame that is left out.
   */
  push(stamp: number | undefined, timeBase: TimeBase, hold: () => HeldFrame): Generator<Clip>;
  /** Ends the video `end` seconds after its first frame. */
  finish(end: number): Generator<Clip>;
  /** Lets go of the frames that are held. */
  free(): void;
}

/** @param take - gives memory for a clip; what is in it does not matter. */
export function clipMaker(
  preset: Preset,
  times: StreamTimes,
  take: () => Uint8Array = () => new Uint8Array(clipBytes(preset)),
): ClipMaker {
  const isSpread = preset.timeRule === "linspace" || preset.timeRule === "linspace-nominal";
  return isSpread ? new SpreadClips(preset, times, take) : new ChosenClips(preset, times, take);
}

/** Clips of frames that are chosen one after another: the rules `nearest` and `index-floor`. */
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
    this.clock = new Clock(times.frameDuration);
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

  /** Puts the frame held into clips. */
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
