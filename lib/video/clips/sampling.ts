/** Tolerance in frames for the rounding of times to floating point. */
const tieSlack = 1e-6;

/** Decides how often each decoded frame is used, one frame behind the decoder. */
export interface FrameChooser {
  /** Number of output frames of the previous frame, after a frame at `seconds` after time 0. */
  advance(seconds: number): number;
  /** Number of output frames of the last frame, in a video that ends at `seconds`. */
  finish(seconds: number): number;
}

/**
 * Chooses decoded frames for a fixed frame rate by their times.
 *
 * The rule is that of ffmpeg's `fps` filter with `round=near`: a frame at time `t` moves to slot
 * `r(t) = floor(t * fps + 1/2)`, and output frame `k` is the last decoded frame with `r(t) <= k`, or the first frame if
 * there is none. So a frame fills the slots from `r(t)` to below `r(next t)`: none at a high frame rate, several over a
 * gap. The last frame fills slots up to `r(end of video)`. Unlike in ffmpeg, a video always has at least one output
 * frame.
 */
export class NearestFrames implements FrameChooser {
  private next = 0;

  constructor(readonly fps: number) {}

  advance(seconds: number): number {
    const slot = Math.floor(seconds * this.fps + 0.5 + tieSlack);
    const copies = Math.max(0, slot - this.next);
    this.next += copies;
    return copies;
  }

  finish(seconds: number): number {
    const copies = this.advance(seconds);
    if (this.next > 0) return copies;
    this.next = 1;
    return 1;
  }
}

/**
 * Chooses decoded frames by number: output frame `k` is frame `floor(k * step)`, in the float32 of torchvision's
 * `VideoClips._resample_video_idx` if the step is not a whole number. Times are ignored.
 */
export class FramesByIndex implements FrameChooser {
  private index = 0;
  private next = 0;

  /** @param step - decoded frames per output frame */
  constructor(private readonly step: number) {}

  advance(): number {
    const first = this.next;
    while (this.indexOf(this.next) === this.index) this.next++;
    this.index++;
    return this.next - first;
  }

  finish(): number {
    return this.advance();
  }

  private indexOf(k: number): number {
    if (Number.isInteger(this.step)) return k * this.step;
    return Math.floor(Math.fround(k * Math.fround(this.step)));
  }
}

/**
 * `count` indices evenly from 0 to `last`, truncated to whole numbers: `torch.linspace(0, last, count).long()` in
 * float32.
 */
export function spreadIndices(last: number, count: number): number[] {
  const end = Math.fround(last);
  const step = Math.fround(end / (count - 1));
  const place = (k: number) =>
    k < count >> 1 ? Math.fround(step * k) : Math.fround(end - Math.fround(step * (count - 1 - k)));
  return Array.from({ length: count }, (_, k) => (count === 1 ? 0 : Math.floor(place(k))));
}
