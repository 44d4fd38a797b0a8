import type { TimeBase, TimeOrigin } from "./clock.js";
import type { Clip } from "../types.js";

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
  /** Whether the stream has no container: its frames have no time stamps and follow each other at its rate. */
  isRaw?: boolean | undefined;
  /**
   * Whether the container (of MPEG) is one that is cut and joined as it is, and names no rate: a step back in time is a joint, and a frame
   * lasts as long as the one before.
   */
  isJoinable?: boolean | undefined;
}

/** Makes clips of the frames of one video, whichever decoder they come from. */
export interface ClipMaker {
  /** Of the newest frame, in seconds after the first. */
  readonly time: number;
  /** Seconds from the start of the container to the first frame. */
  readonly lateness: number;
  /** Whether a frame is held, that is, any has come. */
  readonly hasFrame: boolean;
  /** Seconds that the newest frame lasts, as far as it is known. */
  readonly frameDuration: number;
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
