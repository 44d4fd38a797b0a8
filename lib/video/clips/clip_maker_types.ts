import type { TimeBase, TimeOrigin } from "./clock.js";
import type { Clip } from "../types.js";

/** A decoded frame that is kept until the time rule has decided about it. */
export interface HeldFrame {
  /** Approximate memory of the frame. */
  readonly bytes: number;
  /** Writes its pixels, u8 RGB `[crop, crop, 3]`. */
  write(to: Uint8Array): void;
  free(): void;
}

/** Facts about a stream that the time rules need. */
export interface StreamTimes extends TimeOrigin {
  /** Nominal seconds per decoded frame: one over the average frame rate. */
  frameDuration: number;
  /** Average frames per second by the container, if it has them. */
  rate?: number | undefined;
}

/** Makes clips of the frames of one video, for any decoder. */
export interface ClipMaker {
  /** Seconds from the first to the newest frame. */
  readonly time: number;
  /** Seconds from the start of the container to the first frame. */
  readonly lateness: number;
  /** Whether a frame has arrived. */
  readonly hasFrame: boolean;
  /**
   * Adds the time stamp of the next decoded frame, and yields the clips that are now complete. `hold` keeps the frame;
   * it is not called for a frame that is left out.
   */
  push(stamp: number | undefined, timeBase: TimeBase, hold: () => HeldFrame): Generator<Clip>;
  /** Ends the video `end` seconds after its first frame. */
  finish(end: number): Generator<Clip>;
  /** Frees the held frames. */
  free(): void;
}
