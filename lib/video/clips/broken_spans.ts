import type { ClipMaker, HeldFrame } from "./clip_maker_types.js";
import type { TimeBase } from "./clock.js";
import type { Clip } from "../types.js";

/** The decoder's report on the next frame. */
export interface FrameState {
  /** Whether its data are broken. */
  isBroken: boolean;
  /** Whether frames before it are missing, as their data are broken. */
  isAfterLoss: boolean;
  /** Whether it depends on no other frame. */
  isKey: boolean;
}

/**
 * Makes clips of the frames of a video, and leaves out the clips with broken data. A broken span begins at the end of
 * the last good frame and ends at the next complete key frame, because the frames between them are predicted from
 * broken ones.
 */
export class UnbrokenClips {
  /** `[start, end]` of each broken span in seconds on the time line of clips. */
  readonly spans: [number, number][] = [];
  private isOpen = false;
  private frames = 0;

  /** @param release - receives the memory of a clip that is left out */
  constructor(
    private readonly clips: ClipMaker,
    private readonly frameDuration: number,
    private readonly release: (memory: Uint8Array) => void,
  ) {}

  /** Whether the newest frames are broken. */
  get endsBroken(): boolean {
    return this.isOpen;
  }

  /** Adds the next frame, as `ClipMaker.push` does. */
  *push(
    stamp: number | undefined,
    timeBase: TimeBase,
    hold: () => HeldFrame,
    { isBroken, isAfterLoss, isKey }: FrameState,
  ): Generator<Clip> {
    if (isBroken || isAfterLoss) this.begin();
    // the clips that it completes are of the frames before it: a span that ends with it holds for them
    yield* this.whole(this.clips.push(stamp, timeBase, hold));
    this.frames++;
    if (isKey && !isBroken) this.endAt(this.now);
  }

  /** Begins a span after the newest frame, because frames are missing or broken. */
  begin(): void {
    if (this.isOpen) return;
    this.isOpen = true;
    const start = this.frames === 0 ? 0 : this.now + this.frameDuration;
    this.spans.push([start, Infinity]);
  }

  /** Ends the open span, if there is one. */
  endAt(end: number): void {
    if (!this.isOpen) return;
    const last = this.spans[this.spans.length - 1];
    last[1] = Math.max(end, last[0]);
    this.isOpen = false;
  }

  /** Ends the video, as `ClipMaker.finish` does. */
  *finish(end: number): Generator<Clip> {
    this.endAt(this.clips.lateness + end);
    yield* this.whole(this.clips.finish(end));
  }

  private get now(): number {
    return this.clips.lateness + this.clips.time;
  }

  private *whole(clips: Iterable<Clip>): Generator<Clip> {
    for (const clip of clips) {
      if (this.spans.some(([start, end]) => clip.start < end && clip.end > start)) this.release(clip.frames);
      else yield clip;
    }
  }
}
