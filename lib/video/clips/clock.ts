/** A step back of less than this many seconds is jitter: the late frame is skipped. A larger one starts a new time base. */
const jitterSeconds = 1;
/** In MPEG streams a step back of more frames than this is a joint. */
const jitterFrames = 1.5;
/** A step forward of more than this many seconds is a broken time stamp, not a long still frame. */
export const longestStillSeconds = 3600;

/** Seconds of one tick as a fraction, as containers give it. */
export interface TimeBase {
  num: number;
  den: number;
}

/** The start times of a stream and its container. */
export interface TimeOrigin {
  /** Start of the container in microseconds; undefined if unknown. */
  containerStart?: number | undefined;
  /** Start of the stream; undefined if unknown. */
  streamStart?: { ticks: number; timeBase: TimeBase } | undefined;
}

/** Kinds of streams; `StreamTimes` says what they mean. */
interface StreamKind {
  isRaw?: boolean | undefined;
  isJoinable?: boolean | undefined;
}

/**
 * The time of the newest decoded frame in whole ticks of the stream's time base, so that long videos lose no precision.
 *
 * A frame without time stamp comes one frame duration after the frame before it; in a raw stream each frame does. A frame that is less
 * than a second older than the frame before it (or has the same time) is skipped; in MPEG streams, which are often joined, less than one
 * and a half frames. A larger step back, or a step forward of more than an hour, is a new time base: the video goes on one frame duration
 * after the frame before. If the next frame is on the old time base again, within a second, only one time stamp was wrong.
 */
export class Clock {
  /** Ticks from the first frame to the newest frame that was not skipped. */
  ticks = 0;
  timeBase: TimeBase = { num: 1, den: 1000 };
  /** Time stamp of the first frame. */
  first = 0;
  started = false;
  private offset = 0;
  /** The offset before the newest frame, where that began a new time base. */
  private offsetBefore: number | undefined;
  /** Ticks between the newest frames, where they are less than a second. */
  private lastStep: number | undefined;

  /** @param nominal - seconds per decoded frame. */
  constructor(
    private readonly nominal: number,
    private readonly kind: StreamKind = {},
  ) {}

  /** Takes the time stamp of the next decoded frame, `undefined` where it has none; false where the frame is to be skipped. */
  push(given: number | undefined, timeBase: TimeBase): boolean {
    const { isRaw, isJoinable } = this.kind;
    const stamp = isRaw ? undefined : given;
    if (!this.started) {
      this.started = true;
      this.timeBase = timeBase;
      this.first = stamp ?? 0;
      this.offset = -this.first;
      return true;
    }
    const second = timeBase.den / timeBase.num;
    const frame = this.frameTicks;
    const following = this.ticks + frame;
    const ahead = stamp === undefined || this.offsetBefore === undefined ? 0 : stamp + this.offsetBefore - this.ticks;
    if (ahead > 0 && ahead < jitterSeconds * second) this.offset = this.offsetBefore as number;
    this.offsetBefore = undefined;
    let ticks = stamp === undefined ? following : stamp + this.offset;
    const step = ticks - this.ticks;
    const jitter = isJoinable ? Math.min(jitterFrames * frame, jitterSeconds * second) : jitterSeconds * second;
    if (step <= -jitter || step > longestStillSeconds * second) {
      this.offsetBefore = this.offset;
      this.offset += following - ticks;
      ticks = following;
    } else if (step <= 0) {
      return false;
    } else if (stamp !== undefined && step < jitterSeconds * second) {
      this.lastStep = step;
    }
    this.ticks = ticks;
    return true;
  }

  /** Seconds from the first to the newest frame. */
  get time(): number {
    return this.seconds(this.ticks);
  }

  /** Seconds that the newest frame lasts, as far as it is known. */
  get frameDuration(): number {
    return this.kind.isJoinable && this.lastStep !== undefined ? this.seconds(this.lastStep) : this.nominal;
  }

  private get frameTicks(): number {
    return Math.max(1, Math.round((this.frameDuration * this.timeBase.den) / this.timeBase.num));
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

/** Tolerance in seconds for a still before its frame: containers and lists round times to milliseconds. */
const stillTolerance = 0.0005;

/** The tick of the stream at `seconds` after the start of the container, the origin of the times of clips. */
export function tickAt(seconds: number, { containerStart, streamStart }: TimeOrigin, timeBase: TimeBase): number {
  const zero =
    containerStart !== undefined
      ? rescale(containerStart, { num: 1, den: 1_000_000 }, timeBase)
      : streamStart === undefined
        ? 0
        : rescale(streamStart.ticks, streamStart.timeBase, timeBase);
  return zero + Math.floor(((seconds + stillTolerance) * timeBase.den) / timeBase.num + 1e-6);
}

/** Converts ticks between time bases, rounding halves away from zero like FFmpeg. */
function rescale(ticks: number, from: TimeBase, to: TimeBase): number {
  const dividend = BigInt(Math.abs(ticks)) * BigInt(from.num) * BigInt(to.den);
  const divisor = BigInt(from.den) * BigInt(to.num);
  return Math.sign(ticks) * Number((2n * dividend + divisor) / (2n * divisor));
}
