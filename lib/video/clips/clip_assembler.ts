import { clipBytes } from "./clip_memory.js";
import type { Clip, Preset } from "../types.js";

/** Writes a frame, u8 RGB `[H, W, 3]`, into memory of its size. */
export type FrameWriter = (to: Uint8Array) => void;

interface OpenClip {
  index: number;
  frames: Uint8Array;
  filled: number;
}

/** Maximum number of clips that contain the same frame. */
export function openClips({ frames, stride }: Pick<Preset, "frames" | "stride">): number {
  return Math.ceil(frames / stride);
}

/**
 * Assembles sampled frames to clips: clip `c` has frames `c * stride` to `c * stride + frames - 1`. Clips overlap if
 * `stride < frames`, and frames are left out if it is larger. The last clip is padded.
 */
export class ClipAssembler {
  /** Number of sampled frames so far. */
  count = 0;
  private open: OpenClip[] = [];
  private readonly frameBytes: number;

  /** @param take - allocates memory for a clip, with arbitrary content */
  constructor(
    private readonly preset: Pick<Preset, "fps" | "frames" | "stride" | "crop" | "pad">,
    private readonly take: () => Uint8Array = () => new Uint8Array(clipBytes(preset)),
  ) {
    this.frameBytes = preset.crop * preset.crop * 3;
  }

  /** Whether a clip needs any of the next `copies` frames; if not, `skip` them without computing their pixels. */
  needs(copies: number): boolean {
    const { frames, stride } = this.preset;
    const phase = this.count % stride;
    return stride <= frames || phase < frames || phase + copies > stride;
  }

  skip(copies: number): void {
    this.count += copies;
  }

  /** Adds one frame `copies` times; yields completed clips. */
  *push(write: FrameWriter, copies: number): Generator<Clip> {
    const { frames, stride } = this.preset;
    for (let i = 0; i < copies; i++, this.count++) {
      if (this.count % stride === 0) this.open.push({ index: this.count / stride, frames: this.take(), filled: 0 });
      // overlapping clips copy the frame from the first of them; a clip that was yielded must not be read again
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

  /** The last, padded clip, if there are frames that no earlier clip contains. */
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
