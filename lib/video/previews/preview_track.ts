import { type CodecContext, Frame, type Packet, type Stream } from "node-av/lib";
import type { TimeBase } from "../clips/clock.js";
import { FrameFilter } from "../decode/node_av_filter.js";
import { noTimestamp } from "../decode/node_av_stream.js";

interface TrackOptions {
  filter: string;
  /** Ticks of a frame in a stream without time stamps. */
  frameTicks?: number | undefined;
  /** Takes a frame of the preview. */
  write: (frame: Frame, timeBase: TimeBase) => void;
  /** Frames after which the track is complete. */
  count: number;
}

/** Decodes one stream of a file and filters its frames. */
export class PreviewTrack {
  readonly index: number;
  /** Time stamp of the first decoded frame. */
  first: number | undefined;
  /** A first frame after this tick, and all behind it, are left out. */
  latest: number | undefined;
  #filter: FrameFilter;
  #frame = new Frame();
  #received = 0;
  #written = 0;
  /** Time stamp of the newest frame that was written. */
  #last: bigint | undefined;

  constructor(
    private readonly codec: CodecContext,
    private readonly stream: Stream,
    private readonly options: TrackOptions,
  ) {
    this.index = stream.index;
    this.#filter = new FrameFilter(options.filter, stream.timeBase);
    this.#frame.alloc();
  }

  get isDone(): boolean {
    return this.#written >= this.options.count;
  }
  get isLate(): boolean {
    return this.latest !== undefined && this.first !== undefined && this.first > this.latest;
  }

  secondsOf({ dts, pts }: Packet): number {
    const { num, den } = this.stream.timeBase;
    const stamp = dts === noTimestamp ? pts : dts;
    return stamp === noTimestamp ? Number.NEGATIVE_INFINITY : (Number(stamp) * num) / den;
  }

  /** Decodes a packet, or what is left at the end. A packet that cannot be decoded is passed over. */
  send(packet: Packet | null): void {
    if (this.isDone || this.isLate || this.codec.sendPacketSync(packet) < 0) return;
    while (this.codec.receiveFrameSync(this.#frame) >= 0) {
      const stamp = this.#stampOf(this.#frame);
      if (stamp === undefined) continue;
      this.first ??= Number(stamp);
      if (this.isLate) return;
      this.#frame.pts = stamp;
      this.#write(this.#frame);
      if (this.isDone) return;
    }
    if (packet === null) this.#write(null);
  }

  /** Forgets what was decoded, before the file is read from its start. */
  reset(): void {
    this.codec.flushBuffers();
    this.first = this.latest = this.#last = undefined;
    this.#received = this.#written = 0;
    this.#filter.free();
    this.#filter = new FrameFilter(this.options.filter, this.stream.timeBase);
  }

  #stampOf({ bestEffortTimestamp: stamp }: Frame): bigint | undefined {
    const { frameTicks } = this.options;
    if (frameTicks !== undefined) return BigInt(Math.round(this.#received++ * frameTicks));
    return stamp === noTimestamp ? undefined : stamp;
  }

  #write(frame: Frame | null): void {
    for (const out of this.#filter.push(frame)) {
      // a filter that was built again for frames of another size begins again
      if (this.isDone || (this.#last !== undefined && out.pts <= this.#last)) continue;
      this.#last = out.pts;
      this.#written++;
      this.options.write(out, this.#filter.timeBase);
    }
  }
}
