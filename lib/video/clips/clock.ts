/** A step back of less than this many seconds is jitter: the late frame is skipped. A larger one starts a new time base. */
const jitterSeconds = 1;
/** A step forward of more than this many seconds is a broken time stamp, not a long still frame. */
const longestStillSeconds = 3600;

/** Seconds of one tick as a fraction, as containers give it. */
export interface TimeBase {
  num: number;
  den: number;
}

/** Where the times of a stream begin. */
export interface TimeOrigin {
  /** Start of the container in microseconds; undefined where it does not say. */
  containerStart?: number | undefined;
  /** Start of the stream; undefined where it does not say. */
  streamStart?: { ticks: number; timeBase: TimeBase } | undefined;
}

/**
 * The time of the newest decoded frame in whole ticks of the stream's time base, so that nothing is lost in long videos.
 *
 * A frame without time stamp comes one frame duration after the frame before it. A frame that is less than a second
 * older than the frame before it (or has the same time) is skipped. A larger step back, or a step forward of more than
 * an hour, is a new time base: the video goes on one frame duration after the frame before.
 */
export class Clock {
  /** Of the newest frame that was not skipped, after the first one. */
  ticks = 0;
  timeBase: TimeBase = { num: 1, den: 1000 };
  /** Time stamp of the first frame. */
  first = 0;
  started = false;
  private offset = 0;

  /** @param frameDuration - nominal seconds per decoded frame. */
  constructor(private readonly frameDuration: number) {}

  /** Takes the time stamp of the next decoded frame, `undefined` where it has none; false where the frame is to be skipped. */
  push(stamp: number | undefined, timeBase: TimeBase): boolean {
    if (!this.started) {
      this.started = true;
      this.timeBase = timeBase;
      this.first = stamp ?? 0;
      this.offset = -this.first;
      return true;
    }
    const second = timeBase.den / timeBase.num;
    const following = this.ticks + Math.max(1, Math.round(this.frameDuration * second));
    let ticks = stamp === undefined ? following : stamp + this.offset;
    const step = ticks - this.ticks;
    if (step <= -jitterSeconds * second || step > longestStillSeconds * second) {
      this.offset += following - ticks;
      ticks = following;
    } else if (step <= 0) {
      return false;
    }
    this.ticks = ticks;
    return true;
  }

  /** Of the newest frame, in seconds after the first. */
  get time(): number {
    return this.seconds(this.ticks);
  }

  seconds(ticks: number): number {
    return (ticks * this.timeBase.num) / this.timeBase.den;
  }

  /** Ticks from the start of the container to the first frame, at least 0. */
  lateness({ containerStart }: TimeOrigin): number {
    if (containerStart === undefined) return 0;
    return Math.max(0, this.first - rescale(containerStart, { num: 1, den: 1_000_000 }, this.timeBase));
  }

  /** Ticks from the start of the stream to the first frame, at least 0. */
  skipped({ streamStart }: TimeOrigin): number {
    if (streamStart === undefined) return 0;
    return Math.max(0, this.first - rescale(streamStart.ticks, streamStart.timeBase, this.timeBase));
  }
}

/** What a still may lie before its frame in seconds: containers and lists round times to milliseconds. */
const stillTolerance = 0.0005;

/** The tick of the stream that lies `seconds` after the start of the container, which is where the times of clips count from. */
export function tickAt(seconds: number, { containerStart, streamStart }: TimeOrigin, timeBase: TimeBase): number {
  const zero =
    containerStart !== undefined
      ? rescale(containerStart, { num: 1, den: 1_000_000 }, timeBase)
      : streamStart === undefined
        ? 0
        : rescale(streamStart.ticks, streamStart.timeBase, timeBase);
  return zero + Math.floor(((seconds + stillTolerance) * timeBase.den) / timeBase.num + 1e-6);
}

/** Ticks of one time base in those of another, to the nearest, halves away from zero, as FFmpeg does it. */
function rescale(ticks: number, from: TimeBase, to: TimeBase): number {
  const dividend = BigInt(Math.abs(ticks)) * BigInt(from.num) * BigInt(to.den);
  const divisor = BigInt(from.den) * BigInt(to.num);
  return Math.sign(ticks) * Number((2n * dividend + divisor) / (2n * divisor));
}
