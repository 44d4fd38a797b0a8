import { clipBytes } from "./clip_memory.js";
import type { Clip, Preset } from "./types.js";

/** A step back of less than this is jitter: the late frame is skipped. A larger one starts a new time base. */
const jitterSeconds = 1;
/** A step forward of more than this is a broken time stamp, not a long still frame. */
const longestStillSeconds = 3600;
/** Absorbs the rounding of time stamps to floating point; in frames. */
const tieSlack = 1e-6;

/** What to do once the time of a new decoded frame is known. */
export interface SampleStep {
  /** How many output frames the frame held so far makes. */
  copies: number;
  /** Whether the new frame replaces the one held. */
  keep: boolean;
}

/**
 * Chooses decoded frames for a fixed frame rate by their time stamps, one frame behind the decoder.
 *
 * The rule is that of ffmpeg's `fps` filter with `round=near`: time 0 is the first decoded frame, a frame at time `t`
 * moves to slot `r(t) = floor(t * fps + 1/2)`, and output frame `k` is the last decoded frame with `r(t) <= k`. So a frame
 * fills slots `r(t)` up to and without `r(next t)`: none at a high frame rate, several over a gap. The last frame fills
 * slots up to `r(end of video)`. Unlike ffmpeg, a video always makes at least one frame.
 *
 * A frame without time stamp comes one frame duration after the frame before it. A frame that is less than a second
 * older than the frame before it (or has the same time) is skipped. A larger step back, or a step forward of more than
 * an hour, is a new time base: the video goes on one frame duration after the frame before.
 */
export class FrameSampler {
  /** Time of the newest frame, in seconds after the first. */
  time = 0;
  private offset = 0;
  private started = false;
  private next = 0;

  /** @param frameDuration - nominal seconds per decoded frame. */
  constructor(
    readonly fps: number,
    readonly frameDuration: number,
  ) {}

  /** Takes the time stamp (seconds) of the next decoded frame; `undefined` where it has none. */
  push(timestamp: number | undefined): SampleStep {
    if (!this.started) {
      this.started = true;
      this.offset = timestamp === undefined ? 0 : -timestamp;
      return { copies: 0, keep: true };
    }
    const following = this.time + this.frameDuration;
    let time = timestamp === undefined ? following : timestamp + this.offset;
    const step = time - this.time;
    if (step <= -jitterSeconds || step > longestStillSeconds) {
      this.offset += following - time;
      time = following;
    } else if (step <= 0) {
      return { copies: 0, keep: false };
    }
    this.time = time;
    return { copies: this.fill(time), keep: true };
  }

  /** Ends the video at `end` seconds after its first frame; gives the copies of the last frame held. */
  finish(end: number): number {
    if (!this.started) return 0;
    const copies = this.fill(Math.max(end, this.time));
    if (this.next > 0) return copies;
    this.next = 1;
    return 1;
  }

  private fill(time: number): number {
    const slot = slotOf(time, this.fps);
    const copies = Math.max(0, slot - this.next);
    this.next += copies;
    return copies;
  }
}

/** The slot of a frame at `time` seconds: halves round up. */
function slotOf(time: number, fps: number): number {
  return Math.floor(time * fps + 0.5 + tieSlack);
}

/** Writes a frame, u8 RGB `[H, W, 3]`, into memory of its size. */
export type FrameWriter = (to: Uint8Array) => void;

interface OpenClip {
  index: number;
  frames: Uint8Array;
  filled: number;
}

/** Most clips that hold a frame at the same time. */
export function openClips({ frames, stride }: Pick<Preset, "frames" | "stride">): number {
  return Math.ceil(frames / stride);
}

/**
 * Puts sampled frames together to clips: clip `c` holds frames `c * stride` to `c * stride + frames - 1`, so clips overlap
 * where `stride < frames` and leave frames out where it is larger. The last clip is padded.
 */
export class ClipAssembler {
  /** Sampled frames so far. */
  count = 0;
  private open: OpenClip[] = [];
  private readonly frameBytes: number;

  /** @param take - gives memory for a clip; what is in it does not matter. */
  constructor(
    private readonly preset: Pick<Preset, "fps" | "frames" | "stride" | "crop" | "pad">,
    private readonly take: () => Uint8Array = () => new Uint8Array(clipBytes(preset)),
  ) {
    this.frameBytes = preset.crop * preset.crop * 3;
  }

  /** Whether the next `copies` frames touch a clip; where not, `skip` them without making their pixels. */
  needs(copies: number): boolean {
    const { frames, stride } = this.preset;
    const phase = this.count % stride;
    return stride <= frames || phase < frames || phase + copies > stride;
  }

  skip(copies: number): void {
    this.count += copies;
  }

  /** Adds one frame `copies` times; yields the clips that it completes. */
  *push(write: FrameWriter, copies: number): Generator<Clip> {
    const { frames, stride } = this.preset;
    for (let i = 0; i < copies; i++, this.count++) {
      if (this.count % stride === 0) this.open.push({ index: this.count / stride, frames: this.take(), filled: 0 });
      // clips that overlap take it from the first of them; a clip that was given away may not be read any more
      let written: Uint8Array | undefined;
      for (const clip of this.open) {
        const place = clip.frames.subarray(clip.filled * this.frameBytes, ++clip.filled * this.frameBytes);
        if (written) place.set(written);
        else write(place);
        written ??= place;
      }
      if (this.open.length > 0 && this.open[0].filled === frames) yield this.close(this.open.shift() as OpenClip);
    }
  }

  /** The last, padded clip, where frames are left that no clip before it holds. */
  finish(): Clip | undefined {
    const { frames, stride } = this.preset;
    const last = this.open[0];
    this.open = [];
    if (last === undefined) return undefined;
    const taken = last.index === 0 ? 0 : (last.index - 1) * stride + frames;
    return this.count > taken ? this.close(last) : undefined;
  }

  private close(clip: OpenClip): Clip {
    const { fps, frames, stride, pad } = this.preset;
    const first = clip.index * stride;
    const end = clip.filled * this.frameBytes;
    if (pad === "repeat") {
      for (let i = clip.filled; i < frames; i++) {
        clip.frames.copyWithin(i * this.frameBytes, end - this.frameBytes, end);
      }
    } else clip.frames.fill(0, end);
    return {
      index: clip.index,
      start: first / fps,
      end: (first + clip.filled) / fps,
      frames: clip.frames,
      paddedFrames: frames - clip.filled,
    };
  }
}
